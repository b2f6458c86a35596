//! Sets of instance types as bits: intersecting what a thousand types allow costs a few instructions.

use super::instance_types::TypeId;

// 1,280 types: every type of the catalog, bare metal included, and some of a scenario's own.
const WORDS: usize = 20;

/// Most instance types that a set can hold.
pub const MAX_TYPES: usize = WORDS * 64;

/// A set of instance types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TypeSet {
    words: [u64; WORDS],
}

impl TypeSet {
    /// No type.
    pub const EMPTY: Self = Self { words: [0; WORDS] };

    /// The first `count` types.
    ///
    /// # Panics
    /// Beyond [`MAX_TYPES`].
    #[must_use]
    pub fn first(count: usize) -> Self {
        (0..count).map(|index| TypeId(index as u16)).collect()
    }

    /// Puts `id` in.
    ///
    /// # Panics
    /// Beyond [`MAX_TYPES`].
    pub fn insert(&mut self, id: TypeId) {
        self.words[usize::from(id.0) / 64] |= 1 << (id.0 % 64);
    }

    /// Takes `id` out.
    pub fn remove(&mut self, id: TypeId) {
        self.words[usize::from(id.0) / 64] &= !(1 << (id.0 % 64));
    }

    /// Whether `id` is in it.
    #[must_use]
    pub fn contains(&self, id: TypeId) -> bool {
        self.words[usize::from(id.0) / 64] >> (id.0 % 64) & 1 == 1
    }

    /// The types in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self { words: std::array::from_fn(|index| self.words[index] & other.words[index]) }
    }

    /// The types in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self { words: std::array::from_fn(|index| self.words[index] | other.words[index]) }
    }

    /// The types in this set but not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self { words: std::array::from_fn(|index| self.words[index] & !other.words[index]) }
    }

    /// Whether some type is in both.
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        !self.and(other).is_empty()
    }

    /// Whether no type is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().fold(0, |any, word| any | word) == 0
    }

    /// How many types are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The types in it by id.
    pub fn iter(&self) -> impl Iterator<Item = TypeId> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    TypeId((index * 64) as u16 + bit as u16)
                })
            })
        })
    }
}

impl FromIterator<TypeId> for TypeSet {
    fn from_iter<I: IntoIterator<Item = TypeId>>(iter: I) -> Self {
        let mut set = Self::EMPTY;
        for id in iter {
            set.insert(id);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_lists_its_members_in_order() {
        let set: TypeSet = [70_u16, 3, 500].map(TypeId).into_iter().collect();
        assert_eq!(set.iter().map(|id| id.0).collect::<Vec<_>>(), [3, 70, 500]);
        let without: TypeSet = [TypeId(70)].into_iter().collect();
        assert_eq!((set.minus(&without).len(), set.contains(TypeId(70))), (2, true));
    }
}
