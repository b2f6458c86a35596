//! Typed ids and the containers they index: an id of one thing cannot index another.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// The index of a `T`, 32 bits wide.
pub struct Id<T> {
    raw: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The id with this index.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self { raw: index, of: PhantomData }
    }

    /// The index behind the id.
    #[must_use]
    pub const fn index(self) -> usize {
        self.raw as usize
    }

    /// The index as the 32-bit number that is stored.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.raw
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.raw.cmp(&other.raw)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.raw)
    }
}

/// Things that are only ever added; ids count up from zero and stay valid.
#[derive(Clone, Debug)]
pub struct Arena<T> {
    items: Vec<T>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T> Arena<T> {
    /// An empty arena.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `item` and returns its id.
    ///
    /// # Panics
    /// Beyond 2^32 items.
    pub fn push(&mut self, item: T) -> Id<T> {
        let id = Id::new(u32::try_from(self.items.len()).expect("an arena holds at most 2^32 items"));
        self.items.push(item);
        id
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All of them with their ids, in id order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Id<T>, &T)> {
        self.items.iter().enumerate().map(|(index, item)| (Id::new(index as u32), item))
    }

    /// All ids in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = Id<T>> + use<T> {
        (0..self.items.len() as u32).map(Id::new)
    }

    /// The items in id order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.items
    }
}

impl<T> Index<Id<T>> for Arena<T> {
    type Output = T;
    fn index(&self, id: Id<T>) -> &T {
        &self.items[id.index()]
    }
}

impl<T> IndexMut<Id<T>> for Arena<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        &mut self.items[id.index()]
    }
}

impl<T> FromIterator<T> for Arena<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        Self { items: iter.into_iter().collect() }
    }
}

/// Things that come and go: ids of removed items are used again (last removed, first reused, so memory follows what
/// is in flight and reuse is deterministic). Whoever keeps an id beyond the item's life must recognise that from state.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    items: Vec<Option<T>>,
    free: Vec<u32>,
    live: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { items: Vec::new(), free: Vec::new(), live: 0 }
    }
}

impl<T> Slab<T> {
    /// An empty slab.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `item` and returns its id.
    ///
    /// # Panics
    /// Beyond 2^32 live items.
    pub fn insert(&mut self, item: T) -> Id<T> {
        self.live += 1;
        if let Some(index) = self.free.pop() {
            self.items[index as usize] = Some(item);
            return Id::new(index);
        }
        let index = u32::try_from(self.items.len()).expect("a slab holds at most 2^32 items");
        self.items.push(Some(item));
        Id::new(index)
    }

    /// Takes the item out; its id may be given to another from now on.
    ///
    /// # Panics
    /// Where there is no such item.
    pub fn remove(&mut self, id: Id<T>) -> T {
        let item = self.items[id.index()].take().expect("only a live item is removed");
        self.free.push(id.raw());
        self.live -= 1;
        item
    }

    /// The item, where it is alive.
    #[must_use]
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        self.items.get(id.index()).and_then(Option::as_ref)
    }

    /// The item, where it is alive.
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        self.items.get_mut(id.index()).and_then(Option::as_mut)
    }

    /// How many are alive.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether none is alive.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// One more than the largest id ever given out.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.items.len()
    }

    /// The live items with their ids, in id order. Costs the largest number ever alive at once.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Some((Id::new(index as u32), item.as_ref()?)))
    }
}

impl<T> Index<Id<T>> for Slab<T> {
    type Output = T;
    fn index(&self, id: Id<T>) -> &T {
        self.items[id.index()].as_ref().expect("the id is of a live item")
    }
}

impl<T> IndexMut<Id<T>> for Slab<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        self.items[id.index()].as_mut().expect("the id is of a live item")
    }
}

/// A value per id of `K`, grown on demand with defaults.
#[derive(Clone, Debug)]
pub struct IdVec<K, V> {
    values: Vec<V>,
    of: PhantomData<fn(K)>,
}

impl<K, V> Default for IdVec<K, V> {
    fn default() -> Self {
        Self { values: Vec::new(), of: PhantomData }
    }
}

impl<K, V: Clone + Default> IdVec<K, V> {
    /// The value of `id`, created with the default where it was never touched.
    pub fn entry(&mut self, id: Id<K>) -> &mut V {
        if id.index() >= self.values.len() {
            self.values.resize(id.index() + 1, V::default());
        }
        &mut self.values[id.index()]
    }

    /// The value of `id`, where it was ever touched.
    #[must_use]
    pub fn get(&self, id: Id<K>) -> Option<&V> {
        self.values.get(id.index())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slab_reuses_the_last_freed_id_and_counts_the_living() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.remove(a), 'a');
        assert_eq!(slab.get(a), None);
        assert_eq!(slab.insert('c'), a);
        assert_eq!((slab.len(), slab[b], slab[a]), (2, 'b', 'c'));
    }
}
