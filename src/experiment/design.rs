//! Designs of a sweep: which points, that is which values of all axes together, are simulated.

use super::axis::Axis;
use crate::engine::{Purpose, Streams};
use rand::Rng;
use std::fmt;
use std::str::FromStr;

/// How points are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// Every value of each axis with every value of all others.
    Grid,
    /// The scenario as it is, and each value of each axis with everything else as it is.
    OneAtATime,
    /// So many points; each axis is cut into as many slices, and each slice is met once (McKay, Beckman & Conover 1979).
    LatinHypercube(usize),
}

impl FromStr for Design {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "grid" => Ok(Self::Grid),
            "one-at-a-time" => Ok(Self::OneAtATime),
            _ => text
                .strip_prefix("lhs:")
                .and_then(|points| points.parse().ok())
                .filter(|points| (2..=MOST).contains(points))
                .map(Self::LatinHypercube)
                .ok_or_else(|| {
                    format!("`{text}` is none of grid, one-at-a-time, lhs:N (N from 2 to {MOST})")
                }),
        }
    }
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grid => f.write_str("grid"),
            Self::OneAtATime => f.write_str("one-at-a-time"),
            Self::LatinHypercube(points) => write!(f, "lhs:{points}"),
        }
    }
}

/// Most points of a design.
const MOST: usize = 100_000;

/// One value per axis; none where the scenario's own holds.
pub type Point = Vec<Option<String>>;

/// Every point of a design, in a fixed order: of a grid, the last axis changes fastest.
///
/// # Errors
/// An axis does not fit the design, or there are too many points.
pub fn design_points(axes: &[Axis], design: Design, seed: u64) -> Result<Vec<Point>, String> {
    let listed = || axes.iter().map(Axis::listed).collect::<Result<Vec<_>, _>>();
    let points = match design {
        Design::Grid => {
            let values = listed()?;
            let count = values.iter().try_fold(1_usize, |product, axis| product.checked_mul(axis.len()));
            let count = count.filter(|count| *count <= MOST);
            grid(&values, count.ok_or_else(|| format!("a grid of more than {MOST} points"))?)
        }
        Design::OneAtATime => {
            let mut points = vec![vec![None; axes.len()]];
            for (axis, values) in listed()?.into_iter().enumerate() {
                points.extend(values.iter().map(|value| {
                    let mut point = vec![None; axes.len()];
                    point[axis] = Some(value.clone());
                    point
                }));
            }
            points
        }
        Design::LatinHypercube(count) => latin_hypercube(axes, count, seed),
    };
    Ok(points)
}

fn grid(values: &[&[String]], count: usize) -> Vec<Point> {
    let point = |mut index: usize| {
        let mut point: Point = values
            .iter()
            .rev()
            .map(|axis| {
                let value = axis[index % axis.len()].clone();
                index /= axis.len();
                Some(value)
            })
            .collect();
        point.reverse();
        point
    };
    (0..count).map(point).collect()
}

fn latin_hypercube(axes: &[Axis], count: usize, seed: u64) -> Vec<Point> {
    let mut points = vec![vec![None; axes.len()]; count];
    for (number, axis) in axes.iter().enumerate() {
        let streams = Streams::new(seed, number as u32);
        let mut random = streams.stream(Purpose::named("latin hypercube of a sweep"));
        let mut slices: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            // The bias of a remainder is below count / 2^64.
            slices.swap(last, (random.next_u64() % (last as u64 + 1)) as usize);
        }
        for (point, slice) in points.iter_mut().zip(slices) {
            let within = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            point[number] = Some(axis.at((slice as f64 + within) / count as f64));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(texts: &[&str]) -> Vec<Axis> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn texts(points: &[Point]) -> Vec<String> {
        let text = |point: &Point| {
            let values: Vec<&str> = point.iter().map(|value| value.as_deref().unwrap_or("-")).collect();
            values.join(" ")
        };
        points.iter().map(text).collect()
    }

    #[test]
    fn a_grid_has_every_pair_and_one_at_a_time_every_single_change() {
        let axes = axes(&["a=1,2", "b=x,y,z"]);
        let grid = design_points(&axes, Design::Grid, 1).unwrap();
        assert_eq!(texts(&grid), ["1 x", "1 y", "1 z", "2 x", "2 y", "2 z"]);
        let single = design_points(&axes, Design::OneAtATime, 1).unwrap();
        assert_eq!(texts(&single), ["- -", "1 -", "2 -", "- x", "- y", "- z"]);
    }

    #[test]
    fn a_latin_hypercube_meets_every_slice_of_every_axis_once() {
        let axes = axes(&["a=0.000..1.000", "b=0..99"]);
        let points = design_points(&axes, Design::LatinHypercube(40), 7).unwrap();
        assert_eq!(points, design_points(&axes, Design::LatinHypercube(40), 7).unwrap());
        assert_ne!(points, design_points(&axes, Design::LatinHypercube(40), 8).unwrap());
        for (axis, width) in [(0, 1.0 / 40.0), (1, 99.0 / 40.0)] {
            let number = |point: &Point| point[axis].as_ref().unwrap().parse::<f64>().unwrap();
            let mut values: Vec<f64> = points.iter().map(number).collect();
            values.sort_by(f64::total_cmp);
            for (slice, value) in values.iter().enumerate() {
                let (low, high) = (slice as f64 * width, (slice + 1) as f64 * width);
                assert!((low - 0.51..=high + 0.51).contains(value), "{value} in slice {slice}");
            }
        }
        assert!(design_points(&axes, Design::Grid, 1).is_err(), "a range without step is no axis of a grid");
        assert!(
            "lhs:1".parse::<Design>().is_err() && "lhs:9".parse::<Design>() == Ok(Design::LatinHypercube(9))
        );
    }
}
