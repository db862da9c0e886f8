# `make serve` and `make test` set up everything they need; the other targets are their parts.
SHELL := /bin/bash
export PATH := $(HOME)/.cargo/bin:$(CURDIR)/.tools/node_modules/.bin:$(PATH)
PORT ?= 8080
MODEL := SmolLM2-135M-Instruct.Q4_1.gguf
VISION_MODEL := efficientnet-lite0.safetensors
MINILM := all-MiniLM-L6-v2.safetensors
SOURCES := $(shell find src public styles tools index.html Trunk.toml Cargo.toml Cargo.lock .cargo -type f 2>/dev/null)
# Prints the seconds of one step: $(call timed,name,command)
timed = @start=$$SECONDS; echo "== $(1)"; { $(2); }; code=$$?; echo "== $(1): $$((SECONDS - start)) s"; exit $$code
WASM := --target wasm32-unknown-unknown --no-default-features --features web

.PHONY: serve test setup setup-test model model-gemma model-vision model-minilm build fmt lint test-native test-e2e test-real bench bench-browser bench-peers

serve: build model model-vision model-minilm
	@mkdir -p dist/models && for file in $(MODEL) $(VISION_MODEL) $(MINILM); do ln -f models-cache/$$file dist/models/$$file 2>/dev/null || cp models-cache/$$file dist/models/; done
	@PORT=$(PORT) node tools/serve.mjs dist $(PORT)

setup:
	@bash tools/setup.sh build

setup-test: setup
	@bash tools/setup.sh test

model-gemma:
	@python3 tools/model.py gemma

model:
	@python3 tools/model.py

model-vision:
	@python3 tools/model.py vision

model-minilm:
	@python3 tools/model.py minilm

build: setup
	@$(MAKE) --no-print-directory dist/index.html

dist/index.html: $(SOURCES)
	$(call timed,release build of the site,trunk build --release)

fmt:
	$(call timed,format,cargo fmt --all --check >/dev/null || { echo "not formatted: run cargo fmt --all"; false; })

lint:
	$(call timed,clippy native,cargo clippy --quiet --all-targets -- -D warnings)
	$(call timed,clippy wasm,cargo clippy --quiet $(WASM) --lib --bins -- -D warnings)
	$(call timed,tests of the tools,python3 -m unittest discover --quiet tools)

test-native:
	$(call timed,native tests,cargo test --lib --test it)

test-real: model model-gemma model-vision model-minilm
	$(call timed,real model tests,LIKEWISE_MODEL=$(CURDIR)/models-cache/$(MODEL) cargo test --test real)

test-e2e: build model model-vision model-minilm setup-test
	$(call timed,browser tests,cd tests/e2e && LIKEWISE_MODEL=$(CURDIR)/models-cache/$(MODEL) node --test --test-concurrency=1 specs/*.spec.mjs)

# Measures the default model natively, on the graphics card (or its software stand-in) and on the processor.
bench: model
	@mkdir -p target/bench
	cargo build --release --bin headless
	@for backend in gpu cpu; do \
		cargo run --quiet --release --bin headless -- --model models-cache/$(MODEL) --backend $$backend bench \
			> target/bench/$$backend.json || exit 1; \
		echo "written: target/bench/$$backend.json"; \
	done

# The same in headless Chromium, on the processor and on its software adapter: device cards as JSON.
bench-browser: build model model-vision model-minilm setup-test
	@cd tests/e2e && LIKEWISE_MODEL=$(CURDIR)/models-cache/$(MODEL) node bench.mjs

# Beside other engines in the same browser, in turns; tests/e2e/peers/README.md says what PEERS holds.
bench-peers: build model model-vision model-minilm setup-test
	@cd tests/e2e && LIKEWISE_MODEL=$(CURDIR)/models-cache/$(MODEL) node peers.mjs $(abspath $(PEERS)) $(ROUNDS)

test: setup-test fmt lint test-native test-real test-e2e
