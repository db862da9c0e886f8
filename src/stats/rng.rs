//! The one seeded source of chance. The same seed gives the same numbers on every target.

/// One step of `SplitMix64` (Steele, Lea and Flood 2014): advances the state and returns 64 mixed bits.
pub fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// PCG32 (XSH-RR 64/32, O'Neill 2014).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pcg32 {
    state: u64,
    increment: u64,
}

impl Pcg32 {
    const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

    /// From one seed; state and stream are both mixed out of it, so that neighboring seeds are unrelated.
    pub fn new(seed: u64) -> Self {
        let mut mix = seed;
        let state = splitmix64(&mut mix);
        let stream = splitmix64(&mut mix);
        Self::with_stream(state, stream)
    }

    /// The reference initialization (`pcg32_srandom`).
    pub fn with_stream(state: u64, stream: u64) -> Self {
        let mut rng = Self { state: 0, increment: (stream << 1) | 1 };
        rng.next_u32();
        rng.state = rng.state.wrapping_add(state);
        rng.next_u32();
        rng
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(Self::MULTIPLIER).wrapping_add(self.increment);
        let shifted = (((old >> 18) ^ old) >> 27) as u32;
        shifted.rotate_right((old >> 59) as u32)
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        (u64::from(self.next_u32()) << 32) | u64::from(self.next_u32())
    }

    /// Uniform in [0, 1), in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// Uniform in `0..n` without modulo bias; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n <= 1 {
            return 0;
        }
        let n = n as u64;
        // Values under 2^64 mod n are drawn again, so that each residue is equally probable.
        let threshold = n.wrapping_neg() % n;
        loop {
            let value = self.next_u64();
            if value >= threshold {
                return (value % n) as usize;
            }
        }
    }

    /// Fisher-Yates: every order is equally probable.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let other = self.below(last + 1);
            values.swap(last, other);
        }
    }

    /// A standard normal value (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(2.0 * std::f64::consts::PI * self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs of the reference program `pcg32-demo` (seed 42, stream 54).
    #[test]
    fn pcg32_gives_the_reference_numbers() {
        let mut rng = Pcg32::with_stream(42, 54);
        let found: Vec<u32> = (0..6).map(|_| rng.next_u32()).collect();
        assert_eq!(found, [0xa15c_02b7, 0x7b47_f409, 0xba1d_3330, 0x83d2_f293, 0xbfa4_784b, 0xcbed_606e]);
    }

    #[test]
    fn splitmix64_gives_the_reference_numbers() {
        let mut state = 1_234_567;
        let found: Vec<u64> = (0..3).map(|_| splitmix64(&mut state)).collect();
        assert_eq!(found, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn shuffle_keeps_the_values_and_repeats_with_the_seed() {
        let mut first: Vec<u32> = (0..50).collect();
        let mut second = first.clone();
        Pcg32::new(7).shuffle(&mut first);
        Pcg32::new(7).shuffle(&mut second);
        assert_eq!(first, second);
        let mut other: Vec<u32> = (0..50).collect();
        Pcg32::new(8).shuffle(&mut other);
        assert_ne!(first, other);
        first.sort_unstable();
        assert_eq!(first, (0..50).collect::<Vec<u32>>());
    }

    #[test]
    fn shuffle_gives_each_of_six_orders_about_equally_often() {
        let mut rng = Pcg32::new(3);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut order = [0, 1, 2];
            rng.shuffle(&mut order);
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // 1000 each with a standard deviation of about 29: five of them on either side.
        assert!(counts.values().all(|count| (855..=1145).contains(count)), "{counts:?}");
    }

    #[test]
    fn unit_and_normal_have_their_moments() {
        let mut rng = Pcg32::new(11);
        let n = 20_000;
        let units: Vec<f64> = (0..n).map(|_| rng.unit()).collect();
        assert!(units.iter().all(|value| (0.0..1.0).contains(value)));
        let mean = units.iter().sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.011, "{mean}");
        let normals: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(n);
        let variance = normals.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.036 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
    }
}
