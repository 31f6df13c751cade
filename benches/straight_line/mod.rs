//! Whether a figure grows with its input as a straight line does, and a chart of it that a person can look at.

use std::fmt::Write as _;

/// How far a point may lie from the line, as a part of what the line says. What grows with the square of its input lies further:
/// over a twentyfold range its best line misses points by half and more.
const MOST_BESIDE: f64 = 0.25;

/// How wide the longest bar is, in characters.
const WIDTH: f64 = 50.0;

/// The line through points that misses them least: a slope, and what is there before anything is read.
struct Line {
    slope: f64,
    start: f64,
}

impl Line {
    /// By least squares of the relative distances, so that small inputs count as much as large ones.
    fn through(points: &[(f64, f64)]) -> Line {
        let (mut w, mut wx, mut wxx, mut wy, mut wxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (x, y) in points {
            let weight = 1.0 / (y * y);
            w += weight;
            wx += weight * x;
            wxx += weight * x * x;
            wy += weight * y;
            wxy += weight * x * y;
        }
        let slope = (w * wxy - wx * wy) / (w * wxx - wx * wx);
        Line { slope, start: (wy - slope * wx) / w }
    }

    fn at(&self, x: f64) -> f64 {
        self.start + self.slope * x
    }
}

/// Draws points (how many lines, how many milliseconds), and says whether they lie on a straight line.
pub(crate) fn chart(points: &[(f64, f64)]) -> (String, bool) {
    let line = Line::through(points);
    let longest = points.iter().map(|(_, y)| *y).fold(f64::MIN_POSITIVE, f64::max);
    let mut text = String::new();
    let mut furthest = 0.0_f64;
    for (x, y) in points {
        let beside = y / line.at(*x) - 1.0;
        furthest = furthest.max(beside.abs());
        let bar = "#".repeat((y / longest * WIDTH).round() as usize);
        let _ = writeln!(text, "{x:>8} lines {y:>8.1} ms {:>+5.0} %  {bar}", beside * 100.0);
    }
    let straight = furthest <= MOST_BESIDE;
    let _ = write!(
        text,
        "{:.1} ms, and {:.2} µs for each line; no point lies more than {:.0} % beside that{}",
        line.start,
        line.slope * 1e3,
        furthest * 100.0,
        if straight { String::new() } else { format!(": NO STRAIGHT LINE, which allows {:.0} %", MOST_BESIDE * 100.0) }
    );
    (text, straight)
}
