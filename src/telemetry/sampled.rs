//! Totals that a part counts by itself and that are brought into the metrics before a scrape.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};
use prometheus::{IntCounter, Opts};

/// Brings a counter up to a total. The caller sees to it that only one scrape does so at a time.
pub fn follow(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

/// A histogram whose buckets are counted elsewhere.
#[derive(Clone)]
pub struct SampledHistogram {
    desc: Desc,
    bounds: Arc<[f64]>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    counts: Vec<u64>,
    sum: f64,
}

impl SampledHistogram {
    /// Upper bounds ascending, without the last bucket, which has none.
    ///
    /// # Errors
    /// When the name is no metric's name.
    pub fn new(opts: &Opts, bounds: &[f64]) -> prometheus::Result<SampledHistogram> {
        let desc = Desc::new(opts.fq_name(), opts.help.clone(), Vec::new(), opts.const_labels.clone())?;
        Ok(SampledHistogram { desc, bounds: bounds.into(), state: Arc::default() })
    }

    /// Takes the present counts, bucket by bucket and not cumulated, the one without a bound last; and the sum of all values.
    pub fn set(&self, counts: impl IntoIterator<Item = u64>, sum: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { counts: counts.into_iter().take(self.bounds.len() + 1).collect(), sum };
    }
}

impl Collector for SampledHistogram {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut below = 0;
        let mut buckets = Vec::with_capacity(self.bounds.len());
        for (at, bound) in self.bounds.iter().enumerate() {
            below += state.counts.get(at).copied().unwrap_or(0);
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(below);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_sample_count(state.counts.iter().sum());
        histogram.set_sample_sum(state.sum);
        histogram.set_bucket(buckets);
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{Registry, TextEncoder};

    use super::*;

    #[test]
    fn counts_made_elsewhere_are_rendered_cumulated() {
        let registry = Registry::new();
        let syncs = SampledHistogram::new(&Opts::new("medgate_x_seconds", "X."), &[0.1, 1.0]).unwrap();
        registry.register(Box::new(syncs.clone())).unwrap();
        syncs.set([3, 2, 1], 4.5);
        let mut text = String::new();
        TextEncoder::new().encode_utf8(&registry.gather(), &mut text).unwrap();
        let values: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            r#"medgate_x_seconds_bucket{le="0.1"} 3"#,
            r#"medgate_x_seconds_bucket{le="1"} 5"#,
            r#"medgate_x_seconds_bucket{le="+Inf"} 6"#,
            "medgate_x_seconds_sum 4.5",
            "medgate_x_seconds_count 6",
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn a_counter_follows_a_total_and_never_goes_back() {
        let counter = IntCounter::new("a", "b").unwrap();
        for (total, shown) in [(5, 5), (5, 5), (3, 5), (9, 9)] {
            follow(&counter, total);
            assert_eq!(counter.get(), shown);
        }
    }
}
