//! Growth as a table of text.

use std::fmt;

use super::{Class, Growth};
use crate::grid;

impl fmt::Display for Growth {
    /// Sizes with their costs, classes with how they fit, the answer, the notes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_sizes(f)?;
        writeln!(f)?;
        self.write_classes(f)?;
        writeln!(f, "\ngrowth: {}", self.answer())?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

impl Growth {
    fn write_sizes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let smallest = self.smallest();
        let beyond = format!("beyond n={}", smallest.size);
        let rows = self.points.iter().enumerate().map(|(i, point)| {
            let gain = i128::from(point.cost) - i128::from(smallest.cost);
            // The first slope is between the second and the third size.
            let slope = i.checked_sub(2).map(|slope| self.slopes[slope]);
            vec![
                point.size.to_string(),
                point.cost.to_string(),
                if i > 0 {
                    gain.to_string()
                } else {
                    String::new()
                },
                slope.map_or(String::new(), |slope| format!("{slope:.2}")),
            ]
        });
        let head = ["n", &self.column, &beyond, "slope"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head.to_vec()).chain(rows).collect();
        grid::write(f, ">>>>", &rows)
    }

    fn write_classes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "class".to_owned(),
            "coefficient".to_owned(),
            "rms".to_owned(),
            format!("error at n={}", self.held_out().size),
            String::new(),
        ];
        let rows = self.fits.iter().map(|fit| {
            let mark = match fit.class {
                class if class == self.best => "best",
                class if self.alternatives.contains(&class) => "not distinguishable",
                _ => "",
            };
            let (rms, error) = match fit.class {
                // What it was judged by.
                class if class == self.best => (self.best_rms(), self.prediction_error()),
                _ => (fit.rms, fit.prediction_error),
            };
            let says_something = (fit.grows() || fit.class == self.best).then_some(());
            vec![
                fit.class.name().to_owned(),
                coefficient(fit.coefficient),
                says_something.map_or("-".to_owned(), |()| percent(Some(rms), false)),
                says_something.map_or("-".to_owned(), |()| percent(error, true)),
                mark.to_owned(),
            ]
        });
        let rows: Vec<_> = std::iter::once(head.to_vec()).chain(rows).collect();
        grid::write(f, "<>>><", &rows)
    }
}

/// Four digits of any size.
fn coefficient(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        _ if (1e-3..1e7).contains(&value) => {
            let digits = 3 - value.log10().floor() as i32;
            format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
        }
        _ => format!("{value:.3e}"),
    }
}

fn percent(part: Option<f64>, is_signed: bool) -> String {
    match part.map(|part| 100.0 * part) {
        Some(percent) if percent.abs() < 1e5 && is_signed => format!("{percent:+.2}%"),
        Some(percent) if percent.abs() < 1e5 => format!("{percent:.2}%"),
        _ => "huge".to_owned(),
    }
}

impl Class {
    /// Whether cost that grows so is worth a better algorithm: n^2 and more.
    pub fn is_steep(self) -> bool {
        self >= Class::Quadratic
    }
}
