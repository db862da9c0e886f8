//! Figures as data: what is drawn, with intervals, n, notes and sources. `ui/charts` turns one into SVG and
//! `export` into a table; nothing else knows how a figure looks.

use serde::{Deserialize, Serialize};

/// What stands on every figure of judgments that nobody gave.
pub const SIMULATED_NOTE: &str = "Simulated judgments: a program made them up; no person gave them.";

/// A point estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower and upper end of the 95 % interval, where there is one.
    pub interval: Option<(f64, f64)>,
    /// Observations behind it.
    pub n: u64,
}

/// An axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Label with unit.
    pub label: String,
    /// Smallest and largest value shown.
    pub range: (f64, f64),
    /// Show ticks as percentages.
    pub percent: bool,
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Category.
    pub label: String,
    /// Group within the category (a model, people); empty where there is one group.
    pub group: String,
    /// Height.
    pub estimate: Estimate,
}

/// One point of a scatter plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Position.
    pub x: f64,
    /// Position.
    pub y: f64,
    /// What it is, shown on focus and hover.
    pub label: String,
    /// A picture of it, as a data address; drawn in place of the mark on a map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// A line with an optional band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Name in the legend.
    pub label: String,
    /// Position along x, and the estimate.
    pub points: Vec<(f64, Estimate)>,
}

/// A stretch of the vertical axis that a curve is read against, such as a noise ceiling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Name in the legend.
    pub label: String,
    /// Lower end.
    pub low: f64,
    /// Upper end; the lower one for a line.
    pub high: f64,
}

/// A square matrix with names; `None` where nothing was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// Title above it ("You", "SmolLM2").
    pub title: String,
    /// Names of rows and columns.
    pub labels: Vec<String>,
    /// Values row by row.
    pub values: Vec<Option<f64>>,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Marks {
    /// Horizontal bars with intervals.
    Bars {
        /// The bars, in order.
        bars: Vec<Bar>,
        /// Value axis.
        axis: Axis,
    },
    /// Points.
    Scatter {
        /// The points.
        points: Vec<Point>,
        /// Horizontal axis.
        x: Axis,
        /// Vertical axis.
        y: Axis,
        /// Draw the line of equality.
        diagonal: bool,
    },
    /// Lines with bands.
    Curve {
        /// The lines.
        lines: Vec<Line>,
        /// Horizontal axis.
        x: Axis,
        /// Vertical axis.
        y: Axis,
        /// What the lines are read against.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        band: Option<Band>,
    },
    /// Points with their names; only distances mean something.
    Map {
        /// The points.
        points: Vec<Point>,
    },
    /// Heat maps side by side on one color scale.
    Matrices {
        /// The matrices.
        matrices: Vec<Matrix>,
        /// Color scale.
        scale: Axis,
    },
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Title.
    pub title: String,
    /// One plain sentence that says what is to be seen; also the alternative text.
    pub caption: String,
    /// What is drawn.
    pub marks: Marks,
    /// Caveats shown under it: simulated data, unverified device, excluded items.
    pub notes: Vec<String>,
    /// Ids of the runs and sessions it was made from.
    pub sources: Vec<String>,
}

/// A table as people read it and CSV writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Column heads.
    pub columns: Vec<String>,
    /// Rows of cells.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
    /// Nothing was measured.
    Missing,
}
