//! Prometheus's text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::{Display, Write as _};

/// Metrics as text.
#[derive(Debug, Default)]
pub struct Text(String);

/// What a metric's numbers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They only grow, until the program starts anew.
    Counter,
    /// They go up and down.
    Gauge,
}

/// One metric, to which samples are added.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Text {
    /// Begins a metric. All of its samples follow at once.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a string does not fail.
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").unwrap_or_default();
        Family { text: &mut self.0, name }
    }

    /// All of it.
    #[must_use]
    pub fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.text.push_str(self.name);
        for (n, (label, value)) in labels.iter().enumerate() {
            self.text.push_str(if n == 0 { "{" } else { "," });
            write!(self.text, "{label}=\"{}\"", escape(value)).unwrap_or_default();
        }
        let end = if labels.is_empty() { "" } else { "}" };
        writeln!(self.text, "{end} {value}").unwrap_or_default();
        self
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples() {
        let mut text = Text::default();
        text.family("a_total", Kind::Counter, "How many.")
            .sample(&[("x", "q\"\\\n"), ("y", "é")], 1)
            .sample(&[], 2.5);
        text.family("b", Kind::Gauge, "None yet.");
        let expected = "# HELP a_total How many.\n# TYPE a_total counter\n\
                        a_total{x=\"q\\\"\\\\\\n\",y=\"é\"} 1\na_total 2.5\n\
                        # HELP b None yet.\n# TYPE b gauge\n";
        assert_eq!(text.finish(), expected);
    }
}
