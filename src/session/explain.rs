//! What EXPLAIN shows.
//!
//! What enters: the rows of SQLite's EXPLAIN QUERY PLAN. What leaves: their tree, drawn as Postgres
//! draws plans, or as its JSON. <https://www.sqlite.org/eqp.html>

use serde_json::{Value, json};
use std::collections::VecDeque;

/// A step's number, that of the step it is part of, and its text.
pub(super) type Step = (i64, i64, String);

/// A tree of lines.
#[must_use]
pub(super) fn tree(steps: &[Step]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending: VecDeque<(i64, usize)> = VecDeque::from([(0, 0)]);
    while let Some((parent, depth)) = pending.pop_front() {
        if let Some((.., text)) = steps.iter().find(|(id, ..)| *id == parent) {
            let arrow = if depth > 1 { "->  " } else { "" };
            let indent = "  ".repeat(depth.saturating_sub(1) * 2).replacen("  ", "", 1);
            lines.push(format!("{indent}{arrow}{text}"));
        }
        let children = steps.iter().filter(|(_, p, _)| *p == parent).map(|(id, ..)| *id);
        for (i, child) in children.enumerate() {
            pending.insert(i, (child, depth + 1));
        }
    }
    lines
}

/// JSON as Postgres has it: a list of one plan.
#[must_use]
pub(super) fn json(steps: &[Step]) -> String {
    let mut plans = parts(steps, 0);
    let plan = match plans.as_mut_slice() {
        [plan] => plan.take(),
        _ => json!({ "Node Type": "Query", "Plans": plans }),
    };
    format!("{:#}", json!([{ "Plan": plan }]))
}

fn parts(steps: &[Step], of: i64) -> Vec<Value> {
    // A part is numbered after its whole, so this ends.
    let found = steps.iter().filter(|(id, parent, _)| *parent == of && *id > of);
    found.map(|(id, _, text)| node(text, parts(steps, *id))).collect()
}

fn node(text: &str, plans: Vec<Value>) -> Value {
    let mut node = json!({ "Node Type": text });
    if !plans.is_empty() {
        node["Plans"] = Value::Array(plans);
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_a_tree() {
        let steps = [
            (3, 0, "MERGE".to_owned()),
            (4, 3, "LEFT".to_owned()),
            (6, 4, "SCAN a".to_owned()),
            (9, 3, "RIGHT".to_owned()),
        ];
        let tree = tree(&steps);
        assert_eq!(tree[0], "MERGE");
        assert_eq!(tree.len(), 4);
        assert!(tree[1].trim_start().starts_with("->  LEFT"));
        assert!(tree[2].trim_start().starts_with("->  SCAN a"));
        assert!(tree[3].trim_start().starts_with("->  RIGHT"));
        let json: Value = serde_json::from_str(&json(&steps)).unwrap();
        assert_eq!(json[0]["Plan"]["Plans"][0]["Plans"][0]["Node Type"], "SCAN a");
        assert_eq!(json[0]["Plan"]["Plans"][1], json!({ "Node Type": "RIGHT" }));
    }
}
