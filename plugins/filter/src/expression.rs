//! Expressions: parsed once, tried on made-up values, evaluated on rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use callboard_sdk::{Field, Result, StepError};
use cel::common::ast::{EntryExpr, Expr};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, IdedExpr, Program, Value};

use crate::columnar::Condition;
use crate::row::{Examples, Row};

/// A parsed expression.
pub(crate) struct Expression {
    source: String,
    program: Program,
    columns: Vec<String>,
    env: Arc<Env>,
}

/// What an expression says of a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    True,
    /// False or unknown: a null was compared.
    NotTrue,
    Failed(String),
}

/// How many characters of an expression are shown as the reason of a drop.
const SHORT: usize = 80;

impl Expression {
    /// # Errors
    /// What does not parse, and where.
    pub(crate) fn parse(source: &str) -> Result<Self> {
        let env = Arc::new(Env::stdlib());
        let program = env.compile(source).map_err(|errors| {
            let Some(error) = errors.errors.first() else { return StepError::config(errors.to_string()) };
            let ((line, column), what) = (error.pos, &error.msg);
            // The parser lists every token that could have come instead.
            let what = what.split(" expecting {").next().unwrap_or(what).trim_start_matches("Syntax error: ");
            let what = what.replace("'<EOF>'", "end");
            StepError::config(format!("the expression does not parse at line {line}, column {column}: {what}"))
        })?;
        let mut columns = BTreeSet::new();
        free_names(program.expression(), &mut vec![], &mut columns);
        Ok(Expression { source: source.trim().to_owned(), columns: columns.into_iter().collect(), program, env })
    }

    /// The names that are not the expression's own: columns.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The expression, cut short.
    pub(crate) fn shortened(&self) -> String {
        match self.source.char_indices().nth(SHORT) {
            Some((end, _)) => format!("{}…", &self.source[..end]),
            None => self.source.clone(),
        }
    }

    /// What can be decided for whole columns, if the expression is that simple.
    pub(crate) fn simple(&self, columns: &[&Field]) -> Option<Condition> {
        Condition::of(self.program.expression(), columns)
    }

    pub(crate) fn evaluate(&self, row: &Row<'_>) -> Verdict {
        match self.execute(row) {
            Ok(Value::Bool(true)) => Verdict::True,
            Ok(Value::Bool(false) | Value::Null) => Verdict::NotTrue,
            Ok(other) => Verdict::Failed(not_bool(&other)),
            Err(error) if row.has_null() || meets_null(&error) => Verdict::NotTrue,
            Err(error) => Verdict::Failed(error.to_string()),
        }
    }

    /// Evaluates the expression on values that columns of these types may have: what cannot work with such types fails.
    ///
    /// # Errors
    /// `config`, for a function or operator that is not there for these types, and for a result that is no bool.
    pub(crate) fn try_on<'a>(&self, columns: impl IntoIterator<Item = &'a Field>) -> Result<()> {
        match self.execute(&Examples::new(columns)) {
            Ok(Value::Bool(_) | Value::Null) => Ok(()),
            Ok(other) => Err(StepError::config(not_bool(&other))),
            // A column of nothing but nulls, say: comparing it is never true, and no error.
            Err(error) if meets_null(&error) => Ok(()),
            Err(error @ (ExecutionError::NoSuchOverload(_) | ExecutionError::UndeclaredReference(_))) => {
                Err(StepError::config(error.to_string()))
            }
            // Depends on the values: a division by zero, an index out of bounds.
            Err(_) => Ok(()),
        }
    }

    fn execute(&self, values: &dyn VariableResolver) -> Result<Value, ExecutionError> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.set_variable_resolver(values);
        self.program.execute(&context)
    }
}

fn not_bool(value: &Value) -> String {
    format!("the expression gives {}, and a bool is expected", value.type_of())
}

fn meets_null(error: &ExecutionError) -> bool {
    match error {
        ExecutionError::NoSuchOverload(call) => call.argument_types().iter().any(|ty| ty == "null_type"),
        ExecutionError::ValuesNotComparable(left, right) => matches!(left, Value::Null) || matches!(right, Value::Null),
        _ => false,
    }
}

/// Names of CEL's types, which stand where a column might: `type(x) == int`.
const TYPES: [&str; 10] = ["bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "uint"];

/// Collects the names that no comprehension (`tags.exists(tag, …)`) around them binds.
fn free_names<'e>(expression: &'e IdedExpr, bound: &mut Vec<&'e str>, names: &mut BTreeSet<String>) {
    let mut visit = |part: &'e IdedExpr| free_names(part, bound, names);
    match &expression.expr {
        Expr::Ident(name) => {
            if !bound.contains(&name.as_str()) && !TYPES.contains(&name.as_str()) {
                names.insert(name.trim_start_matches('.').to_owned());
            }
        }
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).for_each(visit),
        Expr::List(list) => list.elements.iter().for_each(visit),
        Expr::Map(map) => {
            map.entries.iter().for_each(|entry| entry_parts(&entry.expr).into_iter().for_each(&mut visit))
        }
        Expr::Struct(made) => {
            made.entries.iter().for_each(|entry| entry_parts(&entry.expr).into_iter().for_each(&mut visit))
        }
        Expr::Select(select) => visit(&select.operand),
        Expr::Comprehension(each) => {
            visit(&each.iter_range);
            visit(&each.accu_init);
            let outside = bound.len();
            bound.extend([each.iter_var.as_str(), &each.accu_var]);
            bound.extend(each.iter_var2.as_deref());
            for part in [&each.loop_cond, &each.loop_step, &each.result] {
                free_names(part, bound, names);
            }
            bound.truncate(outside);
        }
        Expr::Literal(_) | Expr::Unspecified => {}
    }
}

fn entry_parts(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}
