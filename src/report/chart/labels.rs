//! Where names of points stand: near their own point and nearest to it, off other points, names and lines; further away with
//! a leader where there is no room beside it. Places only; draws nothing.

use super::canvas::Place;

/// A box by its corners: left, top, right, bottom.
pub(super) type Bounds = (f64, f64, f64, f64);

/// Height of a name.
const HEIGHT: f64 = 18.0;
/// Radius of a point.
const DOT: f64 = 5.0;
/// A name whose edge is further from its point than this has a leader.
const NEAR: f64 = 17.0;
/// How often all names are placed anew, each knowing where the others are.
const PASSES: usize = 3;

/// What names must keep off.
pub(super) struct Crowd<'a> {
    /// The page.
    pub(super) page: Bounds,
    /// Points that have names, and the width of each name.
    pub(super) points: &'a [(Place, f64)],
    /// Everything else with an extent.
    pub(super) taken: &'a [Bounds],
    /// Lines that are drawn.
    pub(super) lines: &'a [(Place, Place)],
}

/// Where a name stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Label {
    pub(super) bounds: Bounds,
    /// From the point to the name, where they are apart.
    pub(super) leader: Option<(Place, Place)>,
}

impl Crowd<'_> {
    /// A place for the name of each point.
    pub(super) fn labels(&self) -> Vec<Label> {
        let mut labels: Vec<Option<Label>> = vec![None; self.points.len()];
        for _ in 0..PASSES {
            for index in 0..self.points.len() {
                labels[index] = self.best(index, &labels);
            }
        }
        labels.into_iter().flatten().collect()
    }

    fn best(&self, index: usize, labels: &[Option<Label>]) -> Option<Label> {
        let others: Vec<&Label> = labels
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
            .filter_map(|(_, label)| label.as_ref())
            .collect();
        let priced = self.candidates(index).map(|label| (self.price(index, &label, &others), label));
        priced.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, label)| label)
    }

    /// Around the point, ring by ring.
    fn candidates(&self, index: usize) -> impl Iterator<Item = Label> {
        let (at, width) = self.points[index];
        let rings = [10.0, 16.0, 26.0, 38.0, 52.0, 70.0, 92.0];
        rings.into_iter().flat_map(move |away: f64| {
            let (half, slant) = (width / 2.0, away * 0.75);
            let middles = [
                (at.0 + away + half, at.1),
                (at.0 - away - half, at.1),
                (at.0 + slant + half, at.1 - slant - 2.0),
                (at.0 - slant - half, at.1 - slant - 2.0),
                (at.0 + slant + half, at.1 + slant + 2.0),
                (at.0 - slant - half, at.1 + slant + 2.0),
                (at.0, at.1 - away - HEIGHT / 2.0),
                (at.0, at.1 + away + HEIGHT / 2.0),
                (at.0 + half * 0.6, at.1 - away - HEIGHT / 2.0),
                (at.0 - half * 0.6, at.1 - away - HEIGHT / 2.0),
                (at.0 + half * 0.6, at.1 + away + HEIGHT / 2.0),
                (at.0 - half * 0.6, at.1 + away + HEIGHT / 2.0),
            ];
            middles.into_iter().map(move |(x, y)| {
                let bounds = (x - half, y - HEIGHT / 2.0, x + half, y + HEIGHT / 2.0);
                Label { bounds, leader: leader(at, &bounds) }
            })
        })
    }

    /// What a place covers, how far it is, and whose name it could be taken for.
    fn price(&self, index: usize, label: &Label, others: &[&Label]) -> f64 {
        let (at, width) = self.points[index];
        let bounds = &label.bounds;
        let own = distance(at, bounds);
        let mut price = 10.0 * (width * HEIGHT - overlap(bounds, &self.page)) + 2.0 * own;
        price += self.taken.iter().map(|other| overlap(bounds, other)).sum::<f64>();
        price += self.lines.iter().map(|line| 12.0 * inside(*line, bounds)).sum::<f64>();
        for other in others {
            price += 4.0 * overlap(bounds, &other.bounds);
            price += other.leader.map_or(0.0, |line| 12.0 * inside(line, bounds));
            price += label.leader.map_or(0.0, |line| 12.0 * inside(line, &other.bounds));
            let is_crossed = label.leader.zip(other.leader).is_some_and(|(a, b)| cross(a, b));
            price += if is_crossed { 300.0 } else { 0.0 };
        }
        for (place, _) in self.points.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, p)| p)
        {
            let near = distance(*place, bounds);
            // Nearer to another point than to its own it would be taken for the other's name.
            if near < own + 6.0 {
                price += if label.leader.is_some() { 15.0 } else { 120.0 };
            }
            let dot = (place.0 - DOT, place.1 - DOT, place.0 + DOT, place.1 + DOT);
            price += 6.0 * overlap(bounds, &dot);
            price += label.leader.map_or(0.0, |line| 25.0 * inside(line, &dot));
        }
        price + if label.leader.is_some() { 30.0 } else { 0.0 }
    }
}

/// From the rim of the point to the nearest place of the name; none where they are near.
fn leader(at: Place, bounds: &Bounds) -> Option<(Place, Place)> {
    let away = distance(at, bounds);
    if away <= NEAR {
        return None;
    }
    let end = nearest(at, bounds);
    let share = (DOT + 1.0) / away;
    Some(((at.0 + (end.0 - at.0) * share, at.1 + (end.1 - at.1) * share), end))
}

fn nearest(at: Place, bounds: &Bounds) -> Place {
    (at.0.clamp(bounds.0, bounds.2), at.1.clamp(bounds.1, bounds.3))
}

fn distance(at: Place, bounds: &Bounds) -> f64 {
    let near = nearest(at, bounds);
    libm::hypot(at.0 - near.0, at.1 - near.1)
}

fn overlap(a: &Bounds, b: &Bounds) -> f64 {
    let width = a.2.min(b.2) - a.0.max(b.0);
    let height = a.3.min(b.3) - a.1.max(b.1);
    width.max(0.0) * height.max(0.0)
}

/// Length of a line inside of a box (Liang and Barsky, 1984).
fn inside((from, to): (Place, Place), bounds: &Bounds) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut start, mut end) = (0.0_f64, 1.0_f64);
    for (step, room) in
        [(-dx, from.0 - bounds.0), (dx, bounds.2 - from.0), (-dy, from.1 - bounds.1), (dy, bounds.3 - from.1)]
    {
        if step == 0.0 {
            if room < 0.0 {
                return 0.0;
            }
        } else if step < 0.0 {
            start = start.max(room / step);
        } else {
            end = end.min(room / step);
        }
    }
    (end - start).max(0.0) * libm::hypot(dx, dy)
}

fn cross((a, b): (Place, Place), (c, d): (Place, Place)) -> bool {
    let side = |p: Place, q: Place, r: Place| (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Bounds = (70.0, 90.0, 950.0, 545.0);

    #[test]
    fn a_line_is_measured_inside_of_a_box() {
        let unit = (0.0, 0.0, 10.0, 10.0);
        assert_eq!(inside(((-5.0, 5.0), (15.0, 5.0)), &unit), 10.0);
        assert_eq!(inside(((-5.0, 11.0), (15.0, 11.0)), &unit), 0.0);
        assert!((inside(((0.0, 0.0), (20.0, 20.0)), &unit) - libm::hypot(10.0, 10.0)).abs() < 1e-9);
    }

    #[test]
    fn names_of_near_points_stand_apart_and_off_the_front() {
        let points = [
            ((400.0, 300.0), 120.0),
            ((406.0, 296.0), 140.0),
            ((412.0, 306.0), 90.0),
            ((700.0, 500.0), 150.0),
        ];
        let lines = [((400.0, 300.0), (700.0, 500.0))];
        let labels = Crowd { page: PAGE, points: &points, taken: &[], lines: &lines }.labels();
        assert_eq!(labels.len(), points.len());
        for (index, label) in labels.iter().enumerate() {
            // The letters of a name are lower than its box.
            let (left, top, right, bottom) = label.bounds;
            let letters = (left + 1.0, top + 2.0, right - 1.0, bottom - 2.0);
            assert!(inside(lines[0], &letters) < 1e-9, "{index} lies on the line: {label:?}");
            for other in &labels[index + 1..] {
                assert!(overlap(&label.bounds, &other.bounds) < 1e-9, "{label:?} {other:?}");
            }
            let own = distance(points[index].0, &label.bounds);
            let is_nearest = points.iter().all(|(at, _)| distance(*at, &label.bounds) >= own - 1e-9);
            assert!(is_nearest || label.leader.is_some(), "{index} could be another's: {label:?}");
        }
        assert!(labels[3].leader.is_none(), "there is room beside a point that stands alone");
    }
}
