//! A number before and after.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

/// A number before and after; `None` where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delta {
    /// Before.
    pub before: Option<u64>,
    /// After.
    pub after: Option<u64>,
}

impl Delta {
    /// Of two numbers, which may be unknown.
    pub fn new(before: impl Into<Option<u64>>, after: impl Into<Option<u64>>) -> Delta {
        Delta {
            before: before.into(),
            after: after.into(),
        }
    }

    /// By how much it is larger; `None` if one of them is unknown. What 64 bits do not hold is the most that they do.
    pub fn change(self) -> Option<i64> {
        let change = i128::from(self.after?) - i128::from(self.before?);
        let limited = change.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        i64::try_from(limited).ok()
    }

    /// The same in percent of the number before; `None` if one of them is unknown, or that was 0 and this is not.
    pub fn percent(self) -> Option<f64> {
        match (self.before?, self.after?) {
            (before, after) if before == after => Some(0.0),
            (0, _) => None,
            (before, after) => {
                let change = i128::from(after) - i128::from(before);
                Some(100.0 * change as f64 / before as f64)
            }
        }
    }

    /// Whether there is no number on either side.
    pub fn is_unknown(self) -> bool {
        self.before.is_none() && self.after.is_none()
    }

    /// The same on both sides.
    pub fn is_same(self) -> bool {
        self.before == self.after
    }

    /// How much it changes, whatever the direction; what is not known on one side counts as 0 there.
    pub fn size(self) -> u64 {
        self.after.unwrap_or(0).abs_diff(self.before.unwrap_or(0))
    }
}

impl Serialize for Delta {
    /// `{before, after, change, percent}`; what is unknown is null.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Delta", 4)?;
        fields.serialize_field("before", &self.before)?;
        fields.serialize_field("after", &self.after)?;
        fields.serialize_field("change", &self.change())?;
        fields.serialize_field("percent", &self.percent())?;
        fields.end()
    }
}
