//! What every code of a mistake means, with an example and its repair: the text behind `fleetsim explain FS0004`.

use super::lint::LINTS;

/// The documentation of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeDoc {
    /// `FS0001`.
    pub id: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// When it is said, and why that matters.
    pub meaning: &'static str,
    /// Text that has it.
    pub example: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// Every code of a mistake, in order.
pub(super) const MISTAKES: [CodeDoc; 15] = [
    CodeDoc {
        id: "FS0001",
        title: "not TOML",
        meaning: "The text does not follow the grammar of TOML, or a --set has no `=`. Nothing else is looked at.",
        example: "concurrent = ",
        fix: "A line reads `key = value`; text stands in quotes: \"30s\".",
    },
    CodeDoc {
        id: "FS0002",
        title: "no such key here",
        meaning: "The key is not one of its table's. A key that is silently ignored would be an assumption nobody sees, so unknown keys are mistakes.",
        example: "[[runner]]\nname = \"eks\"\nconcurent = 100",
        fix: "The hint names the nearest key; `fleetsim explain TABLE` lists the keys of a table.",
    },
    CodeDoc {
        id: "FS0003",
        title: "another type of value is due",
        meaning: "A number stands where text is due, a table where a list is due, and so on.",
        example: "concurrent = \"many\"",
        fix: "Write what the message says is expected.",
    },
    CodeDoc {
        id: "FS0004",
        title: "a quantity without, or with a wrong, unit",
        meaning: "Durations carry ms, s, m, h or d, memory Mi or Gi, CPU is cores or m. A bare number could mean seconds or minutes.",
        example: "poll_timeout = 180",
        fix: "poll_timeout = \"180s\"",
    },
    CodeDoc {
        id: "FS0005",
        title: "outside the allowed range",
        meaning: "The value is readable, but not one that the model can have.",
        example: "replications = 0",
        fix: "Stay within the range that the message names.",
    },
    CodeDoc {
        id: "FS0006",
        title: "not one of the allowed words",
        meaning: "The key takes one of a few words, spelled as the original spells them.",
        example: "consolidation_policy = \"WhenUnderutilized\"",
        fix: "consolidation_policy = \"WhenEmptyOrUnderutilized\"",
    },
    CodeDoc {
        id: "FS0007",
        title: "a key that has no default is absent",
        meaning: "Without it there is nothing to simulate: no name, no duration, nothing that arrives, no runner.",
        example: "[[node_pool]]\narch = [\"arm64\"]",
        fix: "[[node_pool]]\nname = \"ci\"\narch = [\"arm64\"]",
    },
    CodeDoc {
        id: "FS0008",
        title: "refers to something that is not there",
        meaning: "A fleet, pool, runner, stage, job or tag is named that the scenario does not have.",
        example: "baseline = \"todya\"",
        fix: "The hint names the nearest one; correct the name or add what it names.",
    },
    CodeDoc {
        id: "FS0009",
        title: "given twice",
        meaning: "A key or a name stands twice, so that one of both would be ignored.",
        example: "[[runner]]\nname = \"eks\"\n[[runner]]\nname = \"eks\"",
        fix: "Keep one of the two, or give the second another name.",
    },
    CodeDoc {
        id: "FS0010",
        title: "a file cannot be read",
        meaning: "A trace, price file or base scenario is not there, not readable or not text. Paths are relative to the scenario's folder.",
        example: "trace = \"jobs.csv\"",
        fix: "Check the path from the folder of the scenario.",
    },
    CodeDoc {
        id: "FS0011",
        title: "a row cannot be used",
        meaning: "A row of a trace or price file has too few fields, an unreadable number or time, or contradicts another one.",
        example: "submitted_s,duration_s\n0,ten",
        fix: "Correct the row, or say bad_rows = \"drop\": rows are then left out and counted.",
    },
    CodeDoc {
        id: "FS0012",
        title: "a pod that no allowed instance type can hold",
        meaning: "The job's requests, the executor's helper and services, the daemon sets and what kubelet and system keep back are together more than the largest allowed type has. The pod would stay pending until poll_timeout, every time.",
        example: "cpu = \"16\"   # and the pool allows at most 16 vCPU: kubelet keeps some back",
        fix: "Allow a larger type, or request less.",
    },
    CodeDoc {
        id: "FS0013",
        title: "keys that contradict each other",
        meaning: "Each key is right by itself, together they say two things.",
        example: "arrivals = { per_day = 10, per_hour = 2 }",
        fix: "Keep one of them.",
    },
    CodeDoc {
        id: "FS0014",
        title: "not in the price catalogue",
        meaning: "The region, zone or instance type is none that the embedded catalogue knows.",
        example: "instance_type = \"m7x.large\"",
        fix: "`fleetsim catalog list --region REGION` lists types; own types go under [[ec2.instance_type]].",
    },
    CodeDoc {
        id: "FS0015",
        title: "does not follow its own grammar",
        meaning: "A cron schedule, date, toleration, requirement, budget or name is not written as the original wants it.",
        example: "schedule = \"every morning\"",
        fix: "schedule = \"0 7 * * 1-5\"   # five fields, UTC",
    },
];

/// The documentation of a code, in any case of letters.
#[must_use]
pub fn code_doc(id: &str) -> Option<CodeDoc> {
    let wanted = id.to_ascii_uppercase();
    MISTAKES.iter().chain(LINTS).find(|doc| doc.id == wanted).copied()
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;

    #[test]
    fn every_code_of_a_mistake_is_documented_in_its_place() {
        let codes = [
            Code::Syntax,
            Code::UnknownKey,
            Code::WrongType,
            Code::Quantity,
            Code::Range,
            Code::Choice,
            Code::Missing,
            Code::Reference,
            Code::Duplicate,
            Code::File,
            Code::Row,
            Code::DoesNotFit,
            Code::Conflict,
            Code::Catalog,
            Code::Grammar,
        ];
        for (code, doc) in codes.iter().zip(&MISTAKES) {
            assert_eq!(code.id(), doc.id);
            assert_eq!(code_doc(&doc.id.to_lowercase()), Some(*doc));
        }
        assert_eq!(code_doc("FS9999"), None);
    }
}
