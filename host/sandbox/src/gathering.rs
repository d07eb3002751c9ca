//! How a global step has its rows brought together: declared by names, resolved to columns.

use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::row::{RowConverter, SortField};

use crate::bindings::exports::callboard::step::global as wit;
use crate::bound::View;
use crate::columns::display;
use callboard_words::text::in_a_line;

/// How rows are brought together, before a call or in it. `C` names a column: a name of the step's, or an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Gathering<C = usize> {
    /// All of them, in one call.
    #[default]
    All,
    /// Those that agree in these columns of each input are a group.
    ByKey(Vec<Vec<C>>),
    /// Those that have an item in common in the lists of this column of each input are a group.
    ByEach(Vec<C>),
}

/// A column that rows are sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order<C = usize> {
    /// The column.
    pub column: C,
    /// Whether the largest value comes first.
    pub descending: bool,
    /// Where rows without a value come, in either direction.
    pub nulls_first: bool,
}

/// How a global step is given its rows, and puts them out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered<C = usize> {
    /// What is given to one call.
    pub gathering: Gathering<C>,
    /// For each input, what its rows are sorted by, or those of each group; the order of the input where that is nothing.
    pub sorted: Vec<Vec<Order<C>>>,
    /// Whether rows go out as they were put out, not in the order of the input.
    pub as_written: bool,
}

impl Gathered {
    /// One call that is given all rows as they are.
    pub fn is_plain(&self) -> bool {
        self.gathering == Gathering::All && self.sorted.iter().all(Vec::is_empty)
    }

    /// The columns of an input that its rows are brought together by, or sorted.
    pub fn columns(&self, port: usize) -> impl Iterator<Item = usize> {
        let keys = match &self.gathering {
            Gathering::All => &[][..],
            Gathering::ByKey(keys) => &keys[port],
            Gathering::ByEach(columns) => std::slice::from_ref(&columns[port]),
        };
        let sorted = self.sorted.get(port).into_iter().flatten();
        keys.iter().copied().chain(sorted.map(|order| order.column))
    }

    /// Other places of these columns, of each input.
    pub fn moved(&mut self, places: &[Vec<Option<usize>>]) {
        let to = |port: usize, at: &mut usize| *at = places[port][*at].unwrap_or(*at);
        match &mut self.gathering {
            Gathering::All => {}
            Gathering::ByKey(keys) => {
                keys.iter_mut().enumerate().for_each(|(port, keys)| keys.iter_mut().for_each(|at| to(port, at)));
            }
            Gathering::ByEach(columns) => columns.iter_mut().enumerate().for_each(|(port, at)| to(port, at)),
        }
        for (port, orders) in self.sorted.iter_mut().enumerate() {
            orders.iter_mut().for_each(|order| to(port, &mut order.column));
        }
    }

    /// Whether there may be several calls.
    pub fn is_grouped(&self) -> bool {
        self.gathering != Gathering::All
    }
}

impl Gathered<String> {
    /// What a step of contract 0.1 has: all rows at once, put out as it says.
    pub(crate) fn plain() -> Self {
        Gathered { as_written: true, ..Gathered::default() }
    }

    pub(crate) fn declared(
        gathering: wit::Gathering,
        sorted: Vec<Vec<wit::Order>>,
        arrangement: wit::Arrangement,
    ) -> Gathered<String> {
        let order = |wit::Order { column, descending, nulls_first }| Order { column, descending, nulls_first };
        let gathering = match gathering {
            wit::Gathering::All => Gathering::All,
            wit::Gathering::ByKey(keys) => Gathering::ByKey(keys),
            wit::Gathering::ByEach(columns) => Gathering::ByEach(columns),
        };
        let sorted = sorted.into_iter().map(|orders| orders.into_iter().map(order).collect()).collect();
        Gathered { gathering, sorted, as_written: arrangement == wit::Arrangement::Written }
    }

    /// The columns that are named, of inputs that are seen as `views`; or what is wrong with them.
    pub(crate) fn resolve(&self, views: &[View], inputs: &[SchemaRef]) -> Result<Gathered, String> {
        let each_input = |count: usize, what: &str| match count == inputs.len() {
            true => Ok(()),
            false => Err(format!("it declared {what} of {count} inputs, and has {}", inputs.len())),
        };
        let find = |port: usize, name: &str, doing: &str| {
            let at = views[port]
                .find(name)
                .ok_or_else(|| format!("it {doing} column `{}`, which is not there", in_a_line(name)))?;
            Ok::<_, String>((at, inputs[port].field(at)))
        };
        let gathering = match &self.gathering {
            Gathering::All => Gathering::All,
            Gathering::ByKey(keys) => {
                each_input(keys.len(), "the key")?;
                let resolved = |(port, names): (usize, &Vec<String>)| {
                    let columns = names.iter().map(|name| find(port, name, "groups rows by"));
                    columns.collect::<Result<Vec<_>, _>>()
                };
                let keys = keys.iter().enumerate().map(resolved).collect::<Result<Vec<_>, _>>()?;
                if keys.iter().any(Vec::is_empty) {
                    return Err("it groups rows by a key of no columns".to_owned());
                }
                for key in &keys {
                    key.iter().try_for_each(|(_, field)| can_be_compared(field, field.data_type()))?;
                    alike(&keys[0], key)?;
                }
                Gathering::ByKey(keys.into_iter().map(|key| key.into_iter().map(|(at, _)| at).collect()).collect())
            }
            Gathering::ByEach(columns) => {
                each_input(columns.len(), "the keys")?;
                let columns = columns.iter().enumerate();
                let columns = columns.map(|(port, name)| find(port, name, "groups rows by each item of"));
                let columns = columns.collect::<Result<Vec<_>, _>>()?;
                for column @ (_, field) in &columns {
                    match field.data_type() {
                        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                            can_be_compared(field, item.data_type())?;
                        }
                        other => {
                            let name = in_a_line(field.name());
                            return Err(format!(
                                "it groups rows by each item of column `{name}`, which is {}",
                                display(other)
                            ));
                        }
                    }
                    alike(&columns[..1], std::slice::from_ref(column))?;
                }
                Gathering::ByEach(columns.into_iter().map(|(at, _)| at).collect())
            }
        };
        if !self.sorted.is_empty() {
            each_input(self.sorted.len(), "what it sorts by")?;
        }
        let order = |port: usize, Order { column, descending, nulls_first }: &Order<String>| {
            let (column, field) = find(port, column, "sorts by")?;
            can_be_compared(field, field.data_type())?;
            Ok::<_, String>(Order { column, descending: *descending, nulls_first: *nulls_first })
        };
        let sorted = |(port, orders): (usize, &Vec<Order<String>>)| orders.iter().map(|by| order(port, by)).collect();
        let mut sorted = self.sorted.iter().enumerate().map(sorted).collect::<Result<Vec<Vec<_>>, String>>()?;
        sorted.resize(inputs.len(), Vec::new());
        Ok(Gathered { gathering, sorted, as_written: self.as_written })
    }
}

/// Refuses a type whose values have no order in the library that compares them.
fn can_be_compared(field: &Field, ty: &DataType) -> Result<(), String> {
    match RowConverter::supports_fields(&[SortField::new(ty.clone())]) {
        true => Ok(()),
        false => {
            let (name, ty) = (in_a_line(field.name()), display(field.data_type()));
            Err(format!("rows cannot be compared by column `{name}`, which is {ty}"))
        }
    }
}

/// Keys that are compared have the same types.
fn alike(first: &[(usize, &Field)], other: &[(usize, &Field)]) -> Result<(), String> {
    if first.len() != other.len() {
        return Err(format!("its keys have {} and {} columns", first.len(), other.len()));
    }
    let differ = first.iter().zip(other).find(|((_, a), (_, b))| !a.data_type().equals_datatype(b.data_type()));
    match differ {
        None => Ok(()),
        Some(((_, a), (_, b))) => Err(format!(
            "it holds column `{}` {} against `{}` {}, and keys are of the same types",
            in_a_line(a.name()),
            display(a.data_type()),
            in_a_line(b.name()),
            display(b.data_type()),
        )),
    }
}
