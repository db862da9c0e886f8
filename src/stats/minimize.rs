//! Minimization of a smooth function by L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5).

/// Remembered steps.
const MEMORY: usize = 10;

/// Where a minimization ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The point.
    pub x: Vec<f64>,
    /// The function there.
    pub value: f64,
    /// Largest entry of the gradient there.
    pub slope: f64,
    /// Steps taken.
    pub steps: usize,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()))
}

/// Minimizes from `x` until no entry of the gradient exceeds `tolerance`, no step helps, or `max_steps`. `function`
/// writes the gradient into its second argument and returns the value.
pub fn minimize(
    mut x: Vec<f64>,
    max_steps: usize,
    tolerance: f64,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Minimum {
    let n = x.len();
    let mut gradient = vec![0.0; n];
    let mut value = function(&x, &mut gradient);
    // Moves, changes of the gradient, and one over their products.
    let mut memory: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
    let mut steps = 0;
    while steps < max_steps && largest(&gradient) > tolerance {
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut shares = Vec::with_capacity(memory.len());
        for (s, y, rho) in memory.iter().rev() {
            let share = rho * dot(s, &direction);
            direction.iter_mut().zip(y).for_each(|(d, y)| *d -= share * y);
            shares.push(share);
        }
        if let Some((_, y, rho)) = memory.last() {
            let scale = 1.0 / (rho * dot(y, y));
            for d in &mut direction {
                *d *= scale;
            }
        }
        for ((s, y, rho), share) in memory.iter().zip(shares.iter().rev()) {
            let back = share - rho * dot(y, &direction);
            direction.iter_mut().zip(s).for_each(|(d, s)| *d += back * s);
        }
        let mut descent = dot(&gradient, &direction);
        if descent >= 0.0 || !descent.is_finite() {
            memory.clear();
            direction = gradient.iter().map(|g| -g).collect();
            descent = -dot(&gradient, &gradient);
        }
        let mut length = if memory.is_empty() { 1.0 / (1.0 + largest(&gradient)) } else { 1.0 };
        // Weak Wolfe conditions by bisection: low enough, and the slope flattened.
        let (mut low, mut high) = (0.0_f64, f64::INFINITY);
        let mut next = vec![0.0; n];
        let mut next_gradient = vec![0.0; n];
        let mut reached = f64::NAN;
        for _ in 0..60 {
            for ((to, from), d) in next.iter_mut().zip(&x).zip(&direction) {
                *to = from + length * d;
            }
            reached = function(&next, &mut next_gradient);
            if reached.is_nan() || reached > value + 1e-4 * length * descent {
                high = length;
                length = 0.5 * (low + high);
            } else if dot(&next_gradient, &direction) < 0.9 * descent {
                low = length;
                length = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * low };
            } else {
                break;
            }
        }
        if reached.is_nan() || reached >= value {
            break;
        }
        let s: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let product = dot(&s, &y);
        if product > 1e-300 {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push((s, y, 1.0 / product));
        }
        x = next;
        value = reached;
        gradient.copy_from_slice(&next_gradient);
        steps += 1;
    }
    Minimum { slope: largest(&gradient), x, value, steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banana_valley_is_followed_to_its_end() {
        let found = minimize(vec![-1.2, 1.0], 500, 1e-10, |x, g| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            g[0] = -2.0 * a - 400.0 * x[0] * b;
            g[1] = 200.0 * b;
            a * a + 100.0 * b * b
        });
        assert!((found.x[0] - 1.0).abs() < 1e-8 && (found.x[1] - 1.0).abs() < 1e-8, "{found:?}");
        assert!(found.steps < 100);
    }

    #[test]
    fn a_function_without_value_ends_at_once() {
        let found = minimize(vec![1.0], 10, 1e-6, |_, g| {
            g[0] = 1.0;
            f64::NAN
        });
        assert_eq!(found.steps, 0);
    }
}
