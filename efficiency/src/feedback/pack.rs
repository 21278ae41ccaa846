//! Statements as text, as many as there is room for.
//!
//! The least important statement goes first: it is said shorter if it can be, and left out otherwise, until the text fits. No
//! statement is cut, and whether the program is right is said whatever the room. So more room never means that less is said.

use super::statement::{Heading, Statement};
use super::tokens::estimate;

/// Statements of this importance are never left out.
pub(super) const ALWAYS: u32 = u32::MAX;

/// Leaves out what does not fit into `budget` tokens; gives what was left out.
pub(super) fn pack(statements: &mut Vec<Statement>, budget: usize) -> Vec<Heading> {
    let mut dropped = Vec::new();
    while estimate(&render(statements)) > budget {
        // Of equally important ones the last.
        let candidates = statements.iter().enumerate().rev();
        let candidates = candidates.filter(|(_, statement)| statement.importance != ALWAYS);
        let Some((at, _)) = candidates.min_by_key(|(_, statement)| statement.importance) else {
            break;
        };
        match statements[at].take_short() {
            Some(short) => statements[at] = short,
            None => dropped.push(statements.remove(at).heading),
        }
    }
    dropped.sort_unstable();
    dropped
}

/// The text: a line for each heading, in their order; memory and branches are on one.
pub(super) fn render(statements: &[Statement]) -> String {
    let mut text = String::new();
    let mut last: Option<Heading> = None;
    for statement in statements {
        let heading = statement.heading;
        match last {
            Some(last) if last == heading => text.push_str(heading.between()),
            _ => {
                if let Some(last) = last {
                    text.push_str(end(last));
                    let is_on_line = (last, heading) == (Heading::Memory, Heading::Branch);
                    text.push(if is_on_line { ' ' } else { '\n' });
                }
                text.push_str(heading.label());
            }
        }
        text += &statement.text();
        last = Some(heading);
    }
    if let Some(last) = last {
        text.push_str(end(last));
        text.push('\n');
    }
    text
}

/// What ends a heading's statements; the message of a failure has its own end.
fn end(heading: Heading) -> &'static str {
    match heading {
        Heading::Failed => "",
        _ => ".",
    }
}
