//! At which speed the jobs of each class cost as much on one fleet as on another.

use super::sheet::{ExplanationFormat, Sheet};
use crate::report::format::{number, three_digits};

/// A class on two fleets.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassBreakEven {
    /// The class.
    pub class: String,
    /// Dollars per replication on the one fleet and on the other.
    pub cost: [f64; 2],
    /// Speed (m5 = 1) on the other.
    pub speed: f64,
    /// Speed at which the other would cost as much as the one; none where no speed would do.
    pub break_even: Option<f64>,
}

/// The classes of `from` and `to`.
#[must_use]
pub fn explain_break_even(
    from: &str,
    to: &str,
    classes: &[ClassBreakEven],
    format: ExplanationFormat,
) -> String {
    let mut sheet = Sheet::new(format);
    sheet.fact("from", from);
    sheet.fact("to", to);
    sheet.paragraph(&format!(
        "What the jobs of each class cost on {from} and on {to}, dollars per replication, and how fast {to} must be (m5 = 1) to cost \
         as much as {from}:"
    ));
    let mut rows = vec![["", from, to, "speed", "break-even", ""].map(str::to_owned).to_vec()];
    for class in classes {
        let [before, after] = class.cost;
        let said = match class.break_even {
            _ if after < before => "cheaper now",
            None => "dearer, at any speed",
            Some(_) => "dearer now",
        };
        rows.push(vec![
            class.class.clone(),
            three_digits(before),
            three_digits(after),
            number(class.speed, 2),
            class.break_even.map_or_else(|| "–".to_owned(), |speed| number(speed, 2)),
            said.to_owned(),
        ]);
    }
    sheet.blank();
    sheet.rows(&rows);
    sheet.blank();
    sheet.paragraph(
        "The speed is the catalogue's, or what was measured, over the nodes that ran in the first replication. Beyond the break-even \
         the class is cheaper there; how the fleet packs jobs of another length is not in it: set the speed and run again.",
    );
    sheet.finish()
}
