//! Go's `sort.Slice`, move by move: Karpenter sorts its open claims with it, and which of equals comes first decides
//! where pods go. Pattern-defeating quicksort as of Go 1.19 to 1.26 (`sort/zsortfunc.go`): stable only up to 12.

/// Up to this many elements an insertion sort does it.
const INSERTION_MAX: usize = 12;
/// From this many elements the pivot is a median of medians.
const NINTHER_MIN: usize = 50;
/// Fewer out-of-order elements than this are repaired in place.
const REPAIRS_MAX: usize = 5;
/// Shorter lists are not repaired in place.
const REPAIR_MIN: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    Unknown,
    Increasing,
    Decreasing,
}

/// Sorts by `key`, ending in the very order in which Go's `sort.Slice` with `key(a) < key(b)` would.
pub(super) fn sort_as_go<T>(items: &mut [T], key: impl Fn(&T) -> u32) {
    let length = items.len();
    let limit = usize::BITS - length.leading_zeros();
    Sorter { items, key }.quick(0, length, limit);
}

struct Sorter<'a, T, K> {
    items: &'a mut [T],
    key: K,
}

impl<T, K: Fn(&T) -> u32> Sorter<'_, T, K> {
    fn less(&self, a: usize, b: usize) -> bool {
        (self.key)(&self.items[a]) < (self.key)(&self.items[b])
    }

    fn quick(&mut self, mut start: usize, mut end: usize, mut limit: u32) {
        let (mut was_balanced, mut was_partitioned) = (true, true);
        loop {
            let length = end - start;
            if length <= INSERTION_MAX {
                return self.insertion(start, end);
            }
            if limit == 0 {
                return self.heap(start, end);
            }
            if !was_balanced {
                self.break_patterns(start, end);
                limit -= 1;
            }
            let (mut pivot, mut hint) = self.choose_pivot(start, end);
            if hint == Hint::Decreasing {
                self.items[start..end].reverse();
                pivot = (end - 1) - (pivot - start);
                hint = Hint::Increasing;
            }
            let looks_sorted = was_balanced && was_partitioned && hint == Hint::Increasing;
            if looks_sorted && self.repair(start, end) {
                return;
            }
            if start > 0 && !self.less(start - 1, pivot) {
                start = self.partition_equal(start, end, pivot);
                continue;
            }
            let (middle, already) = self.partition(start, end, pivot);
            was_partitioned = already;
            let (left, right) = (middle - start, end - middle);
            let balanced_from = length / 8;
            if left < right {
                was_balanced = left >= balanced_from;
                self.quick(start, middle, limit);
                start = middle + 1;
            } else {
                was_balanced = right >= balanced_from;
                self.quick(middle + 1, end, limit);
                end = middle;
            }
        }
    }

    fn insertion(&mut self, start: usize, end: usize) {
        for index in start + 1..end {
            let mut at = index;
            while at > start && self.less(at, at - 1) {
                self.items.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    fn heap(&mut self, start: usize, end: usize) {
        let length = end - start;
        for root in (0..=(length - 1) / 2).rev() {
            self.sift_down(root, length, start);
        }
        for last in (0..length).rev() {
            self.items.swap(start, start + last);
            self.sift_down(0, last, start);
        }
    }

    fn sift_down(&mut self, mut root: usize, length: usize, start: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= length {
                return;
            }
            if child + 1 < length && self.less(start + child, start + child + 1) {
                child += 1;
            }
            if !self.less(start + root, start + child) {
                return;
            }
            self.items.swap(start + root, start + child);
            root = child;
        }
    }

    /// Splits into less than the pivot and not less; also says whether it was so already.
    fn partition(&mut self, start: usize, end: usize, pivot: usize) -> (usize, bool) {
        self.items.swap(start, pivot);
        // `end - 1` cannot fall below `start` here: the list has more than 12 elements and `start` stops it.
        let (mut low, mut high) = (start + 1, end - 1);
        let mut already = true;
        loop {
            while low <= high && self.less(low, start) {
                low += 1;
            }
            while low <= high && !self.less(high, start) {
                high -= 1;
            }
            if low > high {
                self.items.swap(high, start);
                return (high, already);
            }
            already = false;
            self.items.swap(low, high);
            low += 1;
            high -= 1;
        }
    }

    /// Splits into equal to the pivot and greater.
    fn partition_equal(&mut self, start: usize, end: usize, pivot: usize) -> usize {
        self.items.swap(start, pivot);
        let (mut low, mut high) = (start + 1, end - 1);
        loop {
            while low <= high && !self.less(start, low) {
                low += 1;
            }
            while low <= high && self.less(start, high) {
                high -= 1;
            }
            if low > high {
                return low;
            }
            self.items.swap(low, high);
            low += 1;
            high -= 1;
        }
    }

    /// Repairs a nearly sorted list; says whether it is sorted now.
    fn repair(&mut self, start: usize, end: usize) -> bool {
        let mut index = start + 1;
        for _ in 0..REPAIRS_MAX {
            while index < end && !self.less(index, index - 1) {
                index += 1;
            }
            if index == end {
                return true;
            }
            if end - start < REPAIR_MIN {
                return false;
            }
            self.items.swap(index, index - 1);
            if index - start >= 2 {
                let mut at = index - 1;
                while at >= 1 && self.less(at, at - 1) {
                    self.items.swap(at, at - 1);
                    at -= 1;
                }
            }
            if end - index >= 2 {
                let mut at = index + 1;
                while at < end && self.less(at, at - 1) {
                    self.items.swap(at, at - 1);
                    at += 1;
                }
            }
        }
        false
    }

    /// Scatters a few elements, by a fixed random sequence, so that adversarial patterns do not stay unbalanced.
    fn break_patterns(&mut self, start: usize, end: usize) {
        let length = end - start;
        if length < 8 {
            return;
        }
        let mut random = length as u64;
        let modulus = 1_u64 << (u64::BITS - (length as u64).leading_zeros());
        let first = start + (length / 4) * 2 - 1;
        for offset in 0..3 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut other = (random & (modulus - 1)) as usize;
            if other >= length {
                other -= length;
            }
            self.items.swap(first + offset, start + other);
        }
    }

    fn choose_pivot(&self, start: usize, end: usize) -> (usize, Hint) {
        const MOST_SWAPS: u32 = 12;
        let length = end - start;
        let quarter = length / 4;
        let mut swaps = 0;
        let (mut low, mut middle, mut high) = (start + quarter, start + quarter * 2, start + quarter * 3);
        if length >= 8 {
            if length >= NINTHER_MIN {
                low = self.median(low - 1, low, low + 1, &mut swaps);
                middle = self.median(middle - 1, middle, middle + 1, &mut swaps);
                high = self.median(high - 1, high, high + 1, &mut swaps);
            }
            middle = self.median(low, middle, high, &mut swaps);
        }
        let hint = match swaps {
            0 => Hint::Increasing,
            MOST_SWAPS => Hint::Decreasing,
            _ => Hint::Unknown,
        };
        (middle, hint)
    }

    fn median(&self, mut a: usize, mut b: usize, mut c: usize, swaps: &mut u32) -> usize {
        let order = |x: &mut usize, y: &mut usize, swaps: &mut u32| {
            if self.less(*y, *x) {
                *swaps += 1;
                std::mem::swap(x, y);
            }
        };
        order(&mut a, &mut b, swaps);
        order(&mut b, &mut c, swaps);
        order(&mut a, &mut b, swaps);
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_result_is_sorted_and_a_sorted_list_is_left_as_it_is(keys in prop::collection::vec(0_u32..9, 0..200)) {
            let mut items: Vec<(u32, usize)> = keys.into_iter().zip(0..).collect();
            sort_as_go(&mut items, |item| item.0);
            prop_assert!(items.is_sorted_by_key(|item| item.0));
            let sorted = items.clone();
            sort_as_go(&mut items, |item| item.0);
            prop_assert_eq!(items, sorted);
        }
    }

    #[test]
    fn up_to_twelve_elements_equals_keep_their_order() {
        let mut items: Vec<(u32, usize)> =
            [3, 1, 2, 1, 3, 2, 1, 1, 2, 3, 3, 1].into_iter().zip(0..).collect();
        let mut expected = items.clone();
        sort_as_go(&mut items, |item| item.0);
        expected.sort_by_key(|item| item.0);
        assert_eq!(items, expected);
    }
}
