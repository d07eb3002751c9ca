//! Names for columns without one.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Fields, Schema};

/// The names of the columns of a file. One without a name, such as the index that pandas writes, the row names of R or what stands behind
/// a trailing delimiter, is called `unnamed`; a second one `unnamed_2`, and so on; with `_` appended until no other column has that name.
pub(crate) fn names<'a>(given: impl Iterator<Item = &'a str>) -> Vec<String> {
    let given: Vec<&str> = given.collect();
    let taken: HashSet<&str> = given.iter().copied().collect();
    let mut nameless = 0;
    let name = |given: &&str| {
        if !given.is_empty() {
            return (*given).to_owned();
        }
        nameless += 1;
        let mut name = if nameless == 1 { "unnamed".to_owned() } else { format!("unnamed_{nameless}") };
        while taken.contains(name.as_str()) {
            name.push('_');
        }
        name
    };
    given.iter().map(name).collect()
}

/// The schema of a file with a name for each of its columns. Members of objects keep theirs.
pub(crate) fn named(schema: &Schema) -> Schema {
    if schema.fields().iter().all(|field| !field.name().is_empty()) {
        return schema.clone();
    }
    let names = names(schema.fields().iter().map(|field| field.name().as_str()));
    let fields =
        schema.fields().iter().zip(names).map(|(field, name)| Arc::new(field.as_ref().clone().with_name(name)));
    Schema::new_with_metadata(fields.collect::<Fields>(), schema.metadata().clone())
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_made_up_name_is_nobody_elses() {
        let given = ["", "unnamed", "", "unnamed_2_", "a", "", "unnamed_2"];
        let made = ["unnamed_", "unnamed", "unnamed_2__", "unnamed_2_", "a", "unnamed_3", "unnamed_2"];
        assert_eq!(names(given.into_iter()), made);
    }
}
