//! What a backup costs a month: what was asked of the store so far and what it holds in, money out.

use crate::shipper::usage::Used;
use crate::store::{Location, Place, Preset};
use std::time::Duration;

const MONTH: Duration = Duration::from_hours(30 * 24);
/// Less than this tells nothing about a month.
const COUNTED_MIN: Duration = Duration::from_hours(1);

/// What a month is estimated to come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Month {
    /// Requests.
    pub(super) requests: u64,
    /// Dollars, where prices are known.
    pub(super) dollars: Option<f64>,
}

/// List prices in dollars, without taxes, free allowances, and what leaves the service's network.
struct Prices {
    puts: f64,
    gets: f64,
    lists: f64,
    gigabyte_months: f64,
}

/// The services' price lists for their standard classes: of AWS in us-east-1, of GCS in one region.
fn prices(preset: Preset) -> Option<Prices> {
    let of = |puts, gets, lists, gigabyte_months| Prices { puts, gets, lists, gigabyte_months };
    match preset {
        Preset::Aws => Some(of(5e-6, 0.4e-6, 5e-6, 0.023)),
        Preset::R2 => Some(of(4.5e-6, 0.36e-6, 4.5e-6, 0.015)),
        Preset::B2 => Some(of(0.0, 0.4e-6, 4e-6, 0.006)),
        Preset::Tigris => Some(of(5e-6, 0.5e-6, 5e-6, 0.02)),
        Preset::Gcs => Some(of(5e-6, 0.4e-6, 5e-6, 0.02)),
        Preset::Minio => None,
    }
}

/// What was counted is all that was asked until `now_ms`: nothing is asked of a store for a file that
/// is not written. None if it was not counted for long enough.
pub(super) fn month(url: &Location, used: &Used, bytes: u64, now_ms: i64) -> Option<Month> {
    let time = used.time_until(now_ms);
    if time < COUNTED_MIN {
        return None;
    }
    let factor = MONTH.as_secs_f64() / time.as_secs_f64();
    let usage = &used.usage;
    let all = usage.puts + usage.gets + usage.heads + usage.lists + usage.deletes;
    let preset = match &url.place {
        Place::S3(s3) => s3.preset,
        Place::File(_) => None,
    };
    let dollars = preset.and_then(prices).map(|prices| {
        let asked = usage.puts as f64 * prices.puts
            + (usage.gets + usage.heads) as f64 * prices.gets
            + usage.lists as f64 * prices.lists;
        asked * factor + bytes as f64 / 1e9 * prices.gigabyte_months
    });
    Some(Month { requests: (all as f64 * factor) as u64, dollars })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Usage;

    #[test]
    fn a_day_is_a_thirtieth_of_a_month() {
        let usage = Usage { puts: 1000, gets: 500, lists: 10, deletes: 90, ..Usage::default() };
        let used = Used { since_ms: 0, until_ms: 24 * 3600 * 1000, usage };
        let now = used.until_ms;
        let of = |url: &str| month(&url.parse().unwrap(), &used, 2_000_000_000, now).unwrap();
        let aws = of("s3://bucket/app");
        assert_eq!(aws.requests, 48_000);
        // 30,000 puts, 15,000 gets, 300 listings, and two gigabytes.
        let expected = 0.15 + 0.006 + 0.0015 + 0.046;
        assert!((aws.dollars.unwrap() - expected).abs() < 1e-9, "{aws:?}");
        assert_eq!(of("s3://bucket/app?endpoint=http://nas:9000").dollars, None);
        assert_eq!(of("file:///backup").dollars, None);
        let short = Used { until_ms: 60_000, ..used };
        assert_eq!(month(&"s3://bucket/app".parse().unwrap(), &short, 0, 60_000), None);
    }

    #[test]
    fn idle_days_count() {
        let usage = Usage { puts: 7200, ..Usage::default() };
        let used = Used { since_ms: 0, until_ms: 2 * 3_600_000, usage };
        let now = used.until_ms + 30 * 24 * 3_600_000;
        let found = month(&"file:///backup".parse().unwrap(), &used, 0, now).unwrap();
        assert_eq!(found.requests, 7180);
    }
}
