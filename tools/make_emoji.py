"""Takes the pictures of the built-in stimulus sets out of Microsoft's Fluent Emoji (flat, MIT) as they are packed in the
npm package @iconify-json/fluent-emoji-flat, and names in `public/stimuli/words.json` which words have one.

    npm pack @iconify-json/fluent-emoji-flat@1.2.6 && tar -xzf iconify-json-fluent-emoji-flat-1.2.6.tgz
    python3 tools/make_emoji.py package/icons.json

Words without a picture that shows just them are left without one: see `pictures/README.md`, which is written too.
"""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "public/stimuli"

# Word to emoji, chosen by hand; a word that is its emoji's name stands alone.
CHOSEN = {
    "objects": {
        "hammer": "hammer", "saw": "carpentry-saw", "screwdriver": "screwdriver", "fork": None, "spoon": "spoon",
        "knife": "kitchen-knife", "cup": "teacup-without-handle", "pan": None, "chair": "chair", "bed": "bed",
        "sofa": "couch-and-lamp", "lamp": None, "shirt": "t-shirt", "shoe": "running-shoe", "hat": "womans-hat",
        "coat": "coat", "glove": "gloves", "pencil": "pencil", "book": "closed-book", "scissors": "scissors",
        "clock": "mantelpiece-clock", "phone": "telephone", "umbrella": "umbrella",
    },
    "animals": {
        "dog": "dog", "cat": "cat", "horse": "horse", "cow": "cow", "pig": "pig", "sheep": "ewe", "lion": "lion",
        "tiger": "tiger", "elephant": "elephant", "bear": "bear", "mouse": "mouse", "rabbit": "rabbit", "eagle": "eagle",
        "owl": "owl", "duck": "duck", "penguin": "penguin", "shark": "shark", "goldfish": None, "frog": "frog",
        "snake": "snake", "turtle": "turtle", "lizard": "lizard", "bee": "honeybee", "ant": "ant",
        "butterfly": "butterfly", "spider": "spider",
    },
    "emotions": {
        "joy": "grinning-face-with-smiling-eyes", "delight": "star-struck", "love": "smiling-face-with-hearts",
        "relief": "relieved-face", "surprise": "astonished-face", "boredom": "yawning-face", "sadness": "crying-face",
        "grief": "loudly-crying-face", "embarrassment": "flushed-face", "disgust": "nauseated-face",
        "irritation": "unamused-face", "anger": "angry-face", "rage": "face-with-symbols-on-mouth",
        "worry": "worried-face", "fear": "fearful-face", "panic": "face-screaming-in-fear",
    },
    "ideas": {
        "trust": "handshake", "friendship": "people-hugging", "justice": "balance-scale", "peace": "dove",
        "war": "crossed-swords", "success": "trophy", "luck": "four-leaf-clover", "risk": "game-die",
        "knowledge": "books", "time": "hourglass-not-done", "progress": "chart-increasing", "art": "artist-palette",
    },
}

LICENSE = """MIT License

Copyright (c) Microsoft Corporation.

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def resolved(icons, name):
    """Body of an icon, or of the one that it is another name of."""
    if name in icons["icons"]:
        return icons["icons"][name]["body"]
    return resolved(icons, icons["aliases"][name]["parent"])


def main():
    icons = json.loads(Path(sys.argv[1]).read_text())
    path = FOLDER / "words.json"
    sets = json.loads(path.read_text())
    folder = FOLDER / "pictures"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    rows, without = [], []
    for one in sets:
        chosen = {word: emoji for word, emoji in CHOSEN[one["id"]].items() if emoji}
        assert set(chosen) <= set(one["words"]), one["id"]
        for word, emoji in chosen.items():
            body = resolved(icons, emoji)
            svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="128" height="128">{body}</svg>\n'
            (folder / f"{word}.svg").write_text(svg)
            rows.append(f"| {word} | {emoji} |")
        one["pictures"] = [word for word in one["words"] if word in chosen]
        left = [word for word in one["words"] if word not in chosen]
        without.append(f"- {one['title']} ({len(chosen)} of {len(one['words'])} have one): {', '.join(left) or 'none'}")
    lines = ",\n".join("  " + json.dumps(one) for one in sets)
    path.write_text(f"[\n{lines}\n]\n")
    (folder / "LICENSE").write_text(LICENSE)
    (folder / "README.md").write_text(
        "# Pictures of the stimulus sets\n\nFluent Emoji (flat) by Microsoft, MIT license (`LICENSE` beside this), taken by "
        "`tools/make_emoji.py`, which has the choice\nof picture for each word. The faces stand for emotions as people draw "
        "them: another person may read a face otherwise.\n\nWithout a picture, because none shows just the word:\n\n"
        + "\n".join(without) + "\n\n| word | emoji |\n| --- | --- |\n" + "\n".join(rows) + "\n")
    files = list(folder.glob("*.svg"))
    print(len(files), "pictures,", sum(it.stat().st_size for it in files), "bytes")


main()
