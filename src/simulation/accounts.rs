//! For whom builds run, as numbers: one for each class in each kind of pipeline. Prices nothing.

use rustc_hash::FxHashMap;

use crate::engine::Id;
use crate::metrics::Account;
use crate::workload::{Arrivals, ClassId, TemplateId};

/// All accounts met so far, numbered as they appear.
#[derive(Clone, Debug, Default)]
pub(super) struct Accounts {
    keys: Vec<(ClassId, Option<TemplateId>)>,
    numbers: FxHashMap<(u32, u32), u32>,
}

impl Accounts {
    /// The number of the account of builds of `class` in pipelines of `template`, or alone.
    pub(super) fn of(&mut self, class: ClassId, template: Option<TemplateId>) -> u32 {
        let key = (class.raw(), template.map_or(u32::MAX, Id::raw));
        *self.numbers.entry(key).or_insert_with(|| {
            self.keys.push((class, template));
            self.keys.len() as u32 - 1
        })
    }

    /// What each is called.
    pub(super) fn named(&self, arrivals: &Arrivals) -> Vec<Account> {
        let of = |(class, template): &(ClassId, Option<TemplateId>)| {
            let class = &arrivals.classes()[*class];
            Account {
                class: class.name.clone(),
                project: class.project,
                pipeline: template.map(|template| arrivals.templates()[template].name.clone()),
            }
        };
        self.keys.iter().map(of).collect()
    }
}
