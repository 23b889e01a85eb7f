//! Text and its surroundings in, its translation out, made once for all texts of one shape.
//!
//! The key is the shape, the options, the parameter types and the schema version. A literal that
//! the translation fixed is part of the key too: one shape may have several translations. The cache
//! is one file's; whoever finds that the file is another one than before calls [`Cache::clear`].

use super::error::Error;
use super::literal::Literal;
use super::shape::{LiteralToken, Shape, shape};
use super::{Env, LiteralUse, Statement, Translation, translate};
use crate::types::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A statement ready to run, and the literals of the text it was asked for.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What to run.
    pub statement: Arc<Statement>,
    /// The values to bind behind the client's parameters, in order; NULL for a literal that the
    /// statement holds itself.
    pub literals: Vec<Value>,
}

/// Translations, kept for texts of the same shape; shared by all sessions of a file.
#[derive(Debug)]
pub struct Cache {
    shapes: Mutex<HashMap<Vec<u8>, Entry>>,
    shapes_max: usize,
    translate: Translate,
}

/// How many shapes a cache holds when nothing else is said.
const SHAPES_MAX: usize = 1024;

/// Translations of one shape that differ in fixed literals.
const VARIANTS_MAX: usize = 8;

/// A longer text is translated each time.
const KEY_BYTES_MAX: usize = 64 << 10;

type Translate = fn(&str, &Env<'_>) -> Result<Translation, Error>;

/// The translations of one shape, the latest first.
#[derive(Debug)]
struct Entry {
    variants: Vec<Arc<Variant>>,
    /// It was asked for since the last eviction.
    used: bool,
}

#[derive(Debug)]
struct Variant {
    statement: Arc<Statement>,
    uses: Vec<LiteralUse>,
    /// The spelling of each fixed literal, in order.
    fixed: Vec<Box<str>>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(SHAPES_MAX)
    }
}

impl Cache {
    /// An empty cache of so many shapes.
    #[must_use]
    pub fn new(shapes_max: usize) -> Self {
        Self::with(shapes_max, translate)
    }

    fn with(shapes_max: usize, translate: Translate) -> Self {
        Self { shapes: Mutex::default(), shapes_max, translate }
    }

    /// Translates a statement, or finds the translation of its shape.
    ///
    /// # Errors
    /// The statement is refused; refusals are not kept.
    pub fn translate(&self, text: &str, env: &Env<'_>) -> Result<Bound, Error> {
        if let Some(bound) = self.find_translated(text, env)? {
            return Ok(bound);
        }
        let Shape { key, literals } = shape(text)?;
        let Translation { statement, literals: uses } = (self.translate)(text, env)?;
        let fixed = fixed(&uses, &literals, text).map(Box::from).collect();
        let variant = Variant { statement: Arc::new(statement), uses, fixed };
        let bound = variant.bind(&literals, text)?;
        if is_cacheable(&key, env) {
            self.keep(with_surroundings(key, env), Arc::new(variant));
        }
        Ok(bound)
    }

    /// Finds the translation of the statement's shape, if there is one.
    ///
    /// # Errors
    /// The text is none, or a literal has no value of its class.
    pub fn find_translated(&self, text: &str, env: &Env<'_>) -> Result<Option<Bound>, Error> {
        let Shape { key, literals } = shape(text)?;
        if !is_cacheable(&key, env) {
            return Ok(None);
        }
        let found = self.find(&with_surroundings(key, env), &literals, text);
        found.map(|variant| variant.bind(&literals, text)).transpose()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// How many shapes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&self, key: &[u8], literals: &[LiteralToken], text: &str) -> Option<Arc<Variant>> {
        let mut shapes = self.lock();
        let entry = shapes.get_mut(key)?;
        entry.used = true;
        entry.variants.iter().find(|variant| variant.fits(literals, text)).cloned()
    }

    fn keep(&self, key: Vec<u8>, variant: Arc<Variant>) {
        let mut shapes = self.lock();
        if shapes.len() >= self.shapes_max && !shapes.contains_key(&key) {
            evict(&mut shapes);
        }
        let entry = shapes.entry(key).or_insert(Entry { variants: Vec::new(), used: true });
        if entry.variants.iter().all(|other| !other.serves_as(&variant)) {
            entry.variants.truncate(VARIANTS_MAX - 1);
            entry.variants.insert(0, variant);
        }
    }

    /// A thread that panicked left at worst a translation out.
    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Entry>> {
        self.shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what was not asked for since the last time; if all was, every other one.
fn evict(shapes: &mut HashMap<Vec<u8>, Entry>) {
    let before = shapes.len();
    shapes.retain(|_, entry| std::mem::take(&mut entry.used));
    if shapes.len() == before {
        let mut keep = false;
        shapes.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

impl Variant {
    /// Its fixed literals are spelled as those of the text.
    fn fits(&self, literals: &[LiteralToken], text: &str) -> bool {
        fixed(&self.uses, literals, text).eq(self.fixed.iter().map(|spelling| &**spelling))
    }

    /// Two sessions may have translated one text at a time.
    fn serves_as(&self, other: &Self) -> bool {
        self.uses == other.uses && self.fixed == other.fixed
    }

    fn bind(&self, literals: &[LiteralToken], text: &str) -> Result<Bound, Error> {
        let last = self.uses.iter().rposition(|used| *used == LiteralUse::Bound);
        let count = last.map_or(0, |last| last + 1);
        let value = |(used, literal): (&LiteralUse, &LiteralToken)| match used {
            LiteralUse::Bound => Literal::decode(literal.token, text).map(Literal::value),
            LiteralUse::Fixed => Ok(Value::Null),
        };
        let values: Result<Vec<Value>, Error> =
            self.uses.iter().zip(literals).take(count).map(value).collect();
        Ok(Bound { statement: Arc::clone(&self.statement), literals: values? })
    }
}

/// The spellings of the fixed literals; those past the end of `uses` are fixed.
fn fixed<'a>(
    uses: &[LiteralUse],
    literals: &[LiteralToken],
    text: &'a str,
) -> impl Iterator<Item = &'a str> {
    let is_fixed = |at: &usize| uses.get(*at).is_none_or(|used| *used == LiteralUse::Fixed);
    (0..literals.len()).filter(is_fixed).filter_map(|at| Some(literals.get(at)?.token.text(text)))
}

/// Names of temporary tables mean something in one session only.
/// A text that is not too long, and means the same in every session of the file.
fn is_cacheable(key: &[u8], env: &Env<'_>) -> bool {
    let has_temporary_tables = env.temp.is_some_and(|temp| !temp.relations.is_empty());
    key.len() <= KEY_BYTES_MAX && !has_temporary_tables
}

fn with_surroundings(mut key: Vec<u8>, env: &Env<'_>) -> Vec<u8> {
    key.push(0);
    key.push(env.options.dialect as u8);
    key.push(u8::from(env.options.read_only));
    key.extend_from_slice(&env.schema.version.to_le_bytes());
    for oid in env.parameter_types {
        key.extend_from_slice(&oid.to_le_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;
    use crate::statement::{Dialect, ErrorKind, Options};
    use std::sync::atomic::{AtomicUsize, Ordering};

    static CALLS: AtomicUsize = AtomicUsize::new(0);

    /// Fixes every string, binds every number; the statement says how often it was called.
    fn count(text: &str, _: &Env<'_>) -> Result<Translation, Error> {
        let calls = CALLS.fetch_add(1, Ordering::SeqCst);
        if text.contains("refuse") {
            return Err(ErrorKind::UnexpectedEnd.at(None));
        }
        let literals = shape(text)?.literals;
        let uses = literals.iter().map(|literal| {
            if literal.token.kind.is_number() { LiteralUse::Bound } else { LiteralUse::Fixed }
        });
        Ok(Translation {
            statement: Statement::Discard(calls.to_string()),
            literals: uses.collect(),
        })
    }

    fn run(cache: &Cache, text: &str) -> (String, Vec<Value>) {
        let schema = Schema::default();
        let options = Options { dialect: Dialect::Postgres, read_only: false };
        let env = Env { schema: &schema, temp: None, options: &options, parameter_types: &[] };
        let bound = cache.translate(text, &env).unwrap();
        match &*bound.statement {
            Statement::Discard(calls) => (calls.clone(), bound.literals),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_translation_for_a_shape() {
        let cache = Cache::with(2, count);
        let (first, values) = run(&cache, "select 1, 'a', 2.5, 'b'");
        assert_eq!(values, [Value::Integer(1), Value::Null, Value::Real(2.5)]);
        let (second, values) = run(&cache, "select 7, 'a', 8.5, 'b'");
        assert_eq!((second, values[0].clone()), (first.clone(), Value::Integer(7)));
        let (other, _) = run(&cache, "select 1, 'a', 2.5, 'c'");
        assert_ne!(other, first);
        assert_eq!(run(&cache, "select 2, 'a', 2.5, 'b'").0, first);
        assert_eq!(run(&cache, "select 2, 'a', 2.5, 'c'").0, other);
        assert_eq!(cache.len(), 1);
        for text in ["a 1", "b 1", "c 1", "d 1", "e 1"] {
            assert_eq!(run(&cache, text).0, run(&cache, text).0);
            assert!(cache.len() <= 2);
        }
        cache.clear();
        assert!(cache.is_empty());
        assert_ne!(run(&cache, "select 1, 'a', 2.5, 'b'").0, first);
    }

    #[test]
    fn many_variants() {
        let cache = Cache::with(2, count);
        for value in 0..100 {
            run(&cache, &format!("select '{value}'"));
        }
        assert_eq!(cache.lock().values().next().unwrap().variants.len(), VARIANTS_MAX);
    }
}
