//! Growth as a picture: an SVG that needs nothing else, light or dark as the reader has it.
//!
//! Both axes are logarithmic, so that a power is a line and its slope the exponent. Start-up, which would bend it, is left out
//! where that leaves something at each size; otherwise, and for 1, whole costs are shown.

use std::fmt::Write as _;

use super::{Class, Growth};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 460.0;
/// Of the area in which points are: left, top, right, bottom.
const AREA: (f64, f64, f64, f64) = (84.0, 56.0, 700.0, 404.0);
/// Samples of a curve.
const SAMPLES: u32 = 160;
/// Ticks that an axis has room for.
const TICKS_MAX: usize = 9;

/// Colours that the colour-blind can tell apart (Okabe and Ito), and dashes for print.
const STROKES: [(&str, &str); 8] = [
    ("#0072b2", ""),
    ("#d55e00", "8 4"),
    ("#009e73", "2 3"),
    ("#cc79a7", "10 3 2 3"),
    ("#e69f00", "5 2"),
    ("#56b4e9", "1 4"),
    ("#a08a00", "12 4"),
    ("#888888", "4 4"),
];

/// Colours belong to classes of the document's own, for not every renderer knows variables.
const STYLE: &str = "\
.growth-plot{font-family:sans-serif;font-size:12px}\
.growth-plot .paper{fill:#ffffff}\
.growth-plot text{fill:#1f2328}\
.growth-plot .title{font-size:15px}\
.growth-plot .grid{stroke:#d8dee4;stroke-width:1}\
.growth-plot .frame{fill:none;stroke:#6e7781;stroke-width:1}\
.growth-plot .fit{fill:none;stroke-width:2}\
.growth-plot .point{fill:#1f2328}\
.growth-plot .held-out{fill:#ffffff;stroke:#1f2328;stroke-width:2}\
@media (prefers-color-scheme:dark){\
.growth-plot .paper{fill:#0d1117}\
.growth-plot text{fill:#e6edf3}\
.growth-plot .grid{stroke:#30363d}\
.growth-plot .frame{stroke:#8b949e}\
.growth-plot .fit-0{stroke:#58a6ff}\
.growth-plot .point{fill:#e6edf3}\
.growth-plot .held-out{fill:#0d1117;stroke:#e6edf3}}";

/// The picture.
pub fn plot(growth: &Growth) -> String {
    let scene = Scene::new(growth);
    let mut svg = String::new();
    scene.write(&mut svg).expect("a string takes everything");
    svg
}

struct Scene<'a> {
    growth: &'a Growth,
    /// What is added to gains: nothing, or the cost of the smallest size.
    base: f64,
    /// Size and cost, as drawn; the held-out size is the last.
    points: Vec<(f64, f64)>,
    x: Axis,
    y: Axis,
}

impl Scene<'_> {
    fn new(growth: &Growth) -> Scene<'_> {
        let smallest = growth.smallest();
        let points = &growth.points[1..];
        let is_gain =
            growth.best != Class::Constant && points.iter().all(|point| point.cost > smallest.cost);
        let base = if is_gain { 0 } else { smallest.cost };
        let points: Vec<(f64, f64)> = points
            .iter()
            .map(|point| {
                let cost = i128::from(point.cost) - i128::from(smallest.cost) + i128::from(base);
                // A logarithmic axis has no 0.
                (point.size as f64, (cost as f64).max(1.0))
            })
            .collect();
        let (left, top, right, bottom) = AREA;
        Scene {
            growth,
            base: base as f64,
            x: Axis::new(points.iter().map(|p| p.0), 0.0, left, right),
            // What hardly grows is not to look as if it did.
            y: Axis::new(points.iter().map(|p| p.1), f64::ln(4.0), bottom, top),
            points,
        }
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let title = self.title();
        writeln!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="growth-plot" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#
        )?;
        writeln!(out, "<title>{}</title>", escaped(&title))?;
        writeln!(out, "<style>{STYLE}</style>")?;
        writeln!(
            out,
            r#"<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>"#
        )?;
        writeln!(
            out,
            r#"<text class="title" x="{}" y="30">{}</text>"#,
            AREA.0,
            escaped(&clipped(&title))
        )?;
        self.write_axes(out)?;
        let classes = std::iter::once(self.growth.best).chain(self.growth.alternatives.clone());
        for (i, class) in classes.enumerate() {
            self.write_fit(class, i, out)?;
        }
        self.write_points(out)?;
        out.push_str("</svg>\n");
        Ok(())
    }

    fn title(&self) -> String {
        let column = &self.growth.column;
        let answer = self.growth.answer();
        match self.base {
            0.0 => {
                let smallest = self.growth.smallest().size;
                format!("{column} beyond those of n={smallest}: {answer}")
            }
            _ => format!("{column}: {answer}"),
        }
    }

    fn write_axes(&self, out: &mut String) -> std::fmt::Result {
        let (left, top, right, bottom) = AREA;
        for tick in self.x.ticks() {
            let x = self.x.at(tick);
            writeln!(
                out,
                r#"<line class="grid" x1="{x:.1}" y1="{top}" x2="{x:.1}" y2="{bottom}"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                bottom + 18.0,
                short(tick)
            )?;
        }
        for tick in self.y.ticks() {
            let y = self.y.at(tick);
            writeln!(
                out,
                r#"<line class="grid" x1="{left}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                left - 8.0,
                y + 4.0,
                short(tick)
            )?;
        }
        writeln!(
            out,
            r#"<rect class="frame" x="{left}" y="{top}" width="{}" height="{}"/>"#,
            right - left,
            bottom - top
        )?;
        writeln!(
            out,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">n</text>"#,
            f64::midpoint(left, right),
            bottom + 40.0
        )?;
        let y = f64::midpoint(top, bottom);
        writeln!(
            out,
            r#"<text x="20" y="{y:.1}" text-anchor="middle" transform="rotate(-90 20 {y:.1})">{}</text>"#,
            escaped(&self.growth.column)
        )
    }

    /// A curve, and its line of the legend.
    fn write_fit(&self, class: Class, index: usize, out: &mut String) -> std::fmt::Result {
        let (colour, dash) = STROKES[index % STROKES.len()];
        let style =
            format!(r#"class="fit fit-{index}" stroke="{colour}" stroke-dasharray="{dash}""#);
        // What is outside the area would be seen beside it.
        let mut path = String::new();
        for i in 0..=SAMPLES {
            let x = self.x.part(f64::from(i) / f64::from(SAMPLES));
            let cost = self.cost(class, x);
            if self.y.contains(cost) {
                let command = if path.is_empty() { 'M' } else { 'L' };
                write!(path, "{command}{:.1} {:.1}", self.x.at(x), self.y.at(cost))?;
            }
        }
        if !path.is_empty() {
            writeln!(out, r#"<path {style} d="{path}"/>"#)?;
        }
        let (x, y) = (AREA.0 + 14.0, AREA.1 + 20.0 + 18.0 * index as f64);
        let name = match index {
            0 => class.name().to_owned(),
            _ => format!("{class} (not distinguishable)"),
        };
        writeln!(
            out,
            r#"<path {style} d="M{x} {:.1}h28"/><text x="{}" y="{y}">{name}</text>"#,
            y - 4.0,
            x + 36.0
        )
    }

    /// What a class says of a size, as drawn.
    fn cost(&self, class: Class, size: f64) -> f64 {
        let fit = self.growth.fit(class);
        let gain = match class {
            // Costs may fall below the smallest's, which a coefficient does not.
            Class::Constant if self.base > 0.0 => {
                let fitted = &self.points[..self.points.len() - 1];
                return fitted.iter().map(|point| point.1).sum::<f64>() / fitted.len() as f64;
            }
            _ => fit.gain(size, self.growth.smallest().size as f64),
        };
        self.base + gain
    }

    fn write_points(&self, out: &mut String) -> std::fmt::Result {
        let (held_out, fitted) = self.points.split_last().expect("points");
        for (size, cost) in fitted {
            let (x, y) = (self.x.at(*size), self.y.at(*cost));
            writeln!(
                out,
                r#"<circle class="point" cx="{x:.1}" cy="{y:.1}" r="4"/>"#
            )?;
        }
        let (x, y) = (self.x.at(held_out.0), self.y.at(held_out.1));
        writeln!(
            out,
            r#"<circle class="held-out" cx="{x:.1}" cy="{y:.1}" r="5"/><text x="{:.1}" y="{:.1}" text-anchor="middle">held out</text>"#,
            x,
            y + 22.0
        )
    }
}

/// A logarithmic axis.
struct Axis {
    /// Natural logarithms of the values at its ends.
    low: f64,
    high: f64,
    /// Where its ends are.
    from: f64,
    to: f64,
}

impl Axis {
    /// For values above 0, with some room around; its ends differ by `span` at least, as logarithms.
    fn new(values: impl Iterator<Item = f64>, span: f64, from: f64, to: f64) -> Axis {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            low = low.min(value.ln());
            high = high.max(value.ln());
        }
        let room = (0.06 * (high - low))
            .max(0.1)
            .max((span - (high - low)) / 2.0);
        Axis {
            low: low - room,
            high: high + room,
            from,
            to,
        }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value.ln() - self.low) / (self.high - self.low)
    }

    /// The value at a part of the way.
    fn part(&self, part: f64) -> f64 {
        (self.low + part * (self.high - self.low)).exp()
    }

    fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value.ln())
    }

    /// Round values: as dense as there is room for.
    fn ticks(&self) -> Vec<f64> {
        const SETS: [&[f64]; 4] = [
            &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
            &[1.0, 2.0, 5.0],
            &[1.0, 3.0],
            &[1.0],
        ];
        let first = (self.low / std::f64::consts::LN_10).floor() as i32;
        let last = (self.high / std::f64::consts::LN_10).ceil() as i32;
        let values = |digits: &[f64], step: usize| -> Vec<f64> {
            let powers = (first..=last).step_by(step);
            powers
                .flat_map(|power| digits.iter().map(move |d| d * 10f64.powi(power)))
                .filter(|value| self.contains(*value))
                .collect()
        };
        let mut sets = SETS.iter().map(|digits| values(digits, 1));
        let decades = (1..).map(|step| values(&[1.0], step));
        match sets.find(|ticks| ticks.len() <= TICKS_MAX) {
            // So narrow a range has hardly a round value in it.
            Some(ticks) if ticks.len() < 2 => vec![self.part(0.1), self.part(0.9)],
            Some(ticks) => ticks,
            None => decades
                .into_iter()
                .find(|ticks| ticks.len() <= TICKS_MAX)
                .unwrap_or_default(),
        }
    }
}

/// `20k`, `1.5M`, `1e15`.
fn short(value: f64) -> String {
    let (part, unit) = match value {
        v if v >= 1e15 => return format!("{v:.0e}"),
        v if v >= 1e12 => (v / 1e12, "T"),
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e4 => (v / 1e3, "k"),
        v => (v, ""),
    };
    // Ticks are round but where a range is narrow.
    let rounded = (part * 100.0).round() / 100.0;
    format!("{rounded}{unit}")
}

/// What fits in a line of the picture; the whole is in its title element.
fn clipped(text: &str) -> String {
    const CHARS_MAX: usize = 84;
    if text.chars().count() <= CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(CHARS_MAX - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no way to write them.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
