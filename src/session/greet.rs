//! The first words to an authenticated client: BackendKeyData, ParameterStatus, ReadyForQuery.

use super::settings::{REPORTED, Settings};
use super::{End, Failure, Session, Startup};

/// The defaults that the server decides for this session.
pub(super) fn settings(startup: &Startup) -> Settings {
    let mut settings = Settings::default();
    settings.start("session_authorization", &startup.user);
    if startup.database.is_follower() {
        settings.start("in_hot_standby", "on");
    }
    if startup.read_only || startup.database.is_read_only() {
        settings.start("default_transaction_read_only", "on");
        settings.start("transaction_read_only", "on");
    } else {
        settings.start("is_superuser", "on");
    }
    settings
}

impl Session {
    pub(super) fn greet(&mut self) -> Result<(), End> {
        self.take_startup_settings().map_err(End::Fatal)?;
        let reported: Vec<_> = {
            let settings = self.shared.read_settings();
            REPORTED.iter().filter_map(|name| Some((*name, settings.value(name)?))).collect()
        };
        for (name, value) in &reported {
            self.reply.parameter_status(name, value);
            self.reported.insert(name, value.clone());
        }
        self.reply.backend_key_data(self.backend.pid, &self.backend.secret);
        self.ready()
    }

    fn take_startup_settings(&mut self) -> Result<(), Failure> {
        for (name, value) in std::mem::take(&mut self.startup_settings) {
            let pairs = if name == "options" { options(&value) } else { vec![(name, value)] };
            for (name, value) in pairs {
                let mut settings = self.shared.settings();
                let set = settings.set(&name, Some(&value), false, false);
                let value = set
                    .map_err(|failure| Failure::fatal(failure.sqlstate, failure.message.clone()))?;
                settings.start(&name, &value);
            }
        }
        self.shared.take_changed();
        self.settings_changed();
        Ok(())
    }
}

/// `-c name=value` and `--name=value` in the start-up packet's `options`; a backslash escapes a space.
fn options(text: &str) -> Vec<(String, String)> {
    let mut words = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => words.last_mut().into_iter().for_each(|word| word.extend(chars.next())),
            c if c.is_whitespace() => words.push(String::new()),
            c => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    let settings =
        words.iter().filter(|word| !word.is_empty() && *word != "-c").filter_map(|word| {
            let word = word.strip_prefix("--").or_else(|| word.strip_prefix("-c")).unwrap_or(word);
            let (name, value) = word.split_once('=')?;
            Some((name.replace('-', "_"), value.to_owned()))
        });
    settings.collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn options_of_the_start_up_packet() {
        let options = super::options(r"-c statement_timeout=5s --search-path=a\ b -cgeqo=off");
        let pairs: Vec<_> = options.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("statement_timeout", "5s"), ("search_path", "a b"), ("geqo", "off")]);
    }
}
