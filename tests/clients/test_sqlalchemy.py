"""SQLAlchemy 2 and alembic: what they see and do, beside PostgreSQL."""

import datetime
import decimal

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from spelling import bare
from sqlalchemy import orm
from sqlalchemy.engine import reflection

SEEN = ["columns", "pk_constraint", "foreign_keys", "indexes", "unique_constraints",
        "check_constraints", "table_comment", "table_options"]


class Base(orm.DeclarativeBase):
    """The tables of the round trip."""


class Author(Base):
    """One who writes books."""

    __tablename__ = "author"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(40), unique=True)
    born: orm.Mapped[datetime.date | None]
    books: orm.Mapped[list["Book"]] = orm.relationship(
        back_populates="author", order_by="Book.title", cascade="all, delete-orphan")


class Book(Base):
    """A book has a column of each type that is much used."""

    __tablename__ = "book"
    id: orm.Mapped[int] = orm.mapped_column(sa.BigInteger, primary_key=True)
    title: orm.Mapped[str] = orm.mapped_column(sa.Text)
    pages: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger, server_default="1")
    price: orm.Mapped[decimal.Decimal | None] = orm.mapped_column(sa.Numeric(10, 2))
    weight: orm.Mapped[float | None]
    printed: orm.Mapped[bool] = orm.mapped_column(default=True)
    cover: orm.Mapped[bytes | None]
    read_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(sa.DateTime(timezone=True))
    details: orm.Mapped[dict | None] = orm.mapped_column(sa.JSON)
    key: orm.Mapped[str | None] = orm.mapped_column(sa.Uuid(as_uuid=False))
    author_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("author.id", ondelete="CASCADE"))
    author: orm.Mapped[Author] = orm.relationship(back_populates="books")
    __table_args__ = (sa.CheckConstraint("pages > 0", name="book_has_pages"),
                      sa.Index("book_by_title", sa.func.lower(title), unique=True))


@pytest.fixture(params=["psycopg", "psycopg2"])
def engine(request):
    """Makes engines over each of the drivers."""
    made = []

    def make(link):
        url = sa.URL.create(f"postgresql+{request.param}", username=link.user, host=link.host,
                            port=link.port, database=link.database)
        made.append(sa.create_engine(url, connect_args={"sslmode": "disable"}))
        return made[-1]

    yield make
    for each in made:
        each.dispose()


def inspected(engine):
    """All that the inspector says."""
    inspector = sa.inspect(engine)
    views = sorted(inspector.get_view_names())
    out = {"schemas": inspector.get_schema_names(), "tables": sorted(inspector.get_table_names()),
           "views": views, "sequences": sorted(inspector.get_sequence_names()),
           "materialized": inspector.get_materialized_view_names(),
           "enums": inspector.get_enums(), "domains": inspector.get_domains(),
           "defined": [view for view in views if "SELECT" in inspector.get_view_definition(view)]}
    for kind in SEEN:
        found = getattr(inspector, f"get_multi_{kind}")(kind=reflection.ObjectKind.ANY)
        out[kind] = {name: plain(value) for (_, name), value in found.items()}
    return out


def plain(value):
    """A value without order, with types as text and without a check's text."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key != "sqltext"}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {each["name"]: plain(each) for each in value}
    return bare(repr(value))


def test_inspector(served, restored, engine):
    """Schemas, tables, views, sequences, columns, keys, indexes and constraints."""
    ours, theirs = inspected(engine(served)), inspected(engine(restored))
    assert len(theirs["tables"]) == 6 and len(theirs["columns"]) == 8
    for kind in theirs:
        assert ours[kind] == theirs[kind], kind


def test_reflection(served, restored, engine):
    """MetaData.reflect gives tables that can be read, and created again."""
    ours, theirs = reflected(engine(served)), reflected(engine(restored))
    assert ours == theirs and len(theirs) == 8


def reflected(engine):
    """Every table and view with its rows, and the CREATE that SQLAlchemy would write."""
    metadata, out = sa.MetaData(), {}
    metadata.reflect(engine, views=True)
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for check in [each for each in table.constraints if hasattr(each, "sqltext")]:
                check.sqltext = sa.text(check.name)
            rows = connection.execute(sa.select(table))
            create = str(sa.schema.CreateTable(table).compile(engine))
            out[table.name] = bare(create), sorted(map(str, rows))
    return out


def round_trip(engine):
    """What an application does, from create_all to drop_all; all that it saw."""
    saw = []
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        ann = Author(name="Ann", born=datetime.date(1990, 2, 28))
        ann.books = [
            Book(title="Two", price=decimal.Decimal("12.50"), weight=0.5, cover=b"\0\xff",
                 details={"a": [1, None]}, key="7f1c2f34-0000-4000-8000-000000000001"),
            Book(title="One", pages=3, printed=False,
                 read_at=datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC))]
        session.add_all([ann, Author(name="Bob", books=[Book(title="Öl")])])
        session.add_all([Author(name=f"author {i}") for i in range(50)])
        session.commit()
        saw += [(each.title, each.pages, each.price, each.weight, each.printed, each.cover,
                 each.read_at, each.details, each.key, each.author.name)
                for each in session.scalars(sa.select(Book).order_by(Book.id))]
        one = session.scalars(sa.select(Book).join(Author).where(
            Author.name == "Ann", Book.pages.between(2, 5), Book.title.ilike("o%"))).one()
        one.title, one.pages = "Uno", Book.pages + 1
        session.commit()
        saw += [one.title, one.pages, session.get(Author, ann.id).books[0].title]
        saw += session.execute(
            sa.select(Author.name, sa.func.count(Book.id), sa.func.max(Book.price))
            .join(Book, isouter=True).group_by(Author.name).having(sa.func.count(Book.id) > 0)
            .order_by(sa.desc(sa.func.count(Book.id)))).all()
        saw += session.execute(sa.update(Book).where(Book.title == "Öl").values(weight=2.25)
                               .returning(Book.title, Book.weight)).all()
        saw.append(session.execute(sa.delete(Author).where(Author.name.like("author %"))).rowcount)
        for bad in [Author(name="Ann"), Book(title="x", author_id=999),
                    Book(title="x", pages=0, author_id=ann.id), Book(author_id=ann.id)]:
            saw.append(refused(session, bad))
        session.delete(ann)
        session.commit()
        saw.append(session.scalars(sa.select(Book.title)).all())
    Base.metadata.drop_all(engine)
    return saw + [sa.inspect(engine).get_table_names()]


def refused(session, row):
    """The class of the error with which a row is refused, and the constraint it names."""
    with pytest.raises(sa.exc.IntegrityError) as error, session.begin_nested():
        session.add(row)
        session.flush()
    about = error.value.orig
    return type(about).__name__, about.diag.sqlstate, about.diag.constraint_name, \
        about.diag.table_name, about.diag.column_name


def test_round_trip(empty, blank, engine):
    """An application's life."""
    ours, theirs = round_trip(engine(empty)), round_trip(engine(blank))
    assert ours == theirs
    assert theirs[-1] == [] and ("NotNullViolation", "23502", None, "book", "title") in theirs


def models(identity, *later):
    """Two tables whose keys are identity columns or serial, and what is added to them later."""
    metadata = sa.MetaData()
    key = [sa.Identity()] if identity else []
    sa.Table("author", metadata, sa.Column("id", sa.Integer, *key, primary_key=True),
             sa.Column("name", sa.String(40), nullable=False, unique=True), *later)
    sa.Table("book", metadata, sa.Column("id", sa.BigInteger, *key, primary_key=True),
             sa.Column("title", sa.Text, index=True), sa.Column("price", sa.Numeric(10, 2)),
             sa.Column("printed", sa.Boolean, server_default=sa.text("true"), nullable=False),
             sa.Column("at", sa.DateTime, server_default=sa.func.now()),
             sa.Column("author_id", sa.ForeignKey("author.id", ondelete="CASCADE")))
    return metadata


def migrated(engine, identity):
    """Autogenerates and does three migrations; what is still to do after each."""
    steps = [models(identity), models(identity, sa.Column("email", sa.String(80), unique=True),
             sa.Column("born", sa.Date, index=True)), models(identity)]
    steps[2].remove(steps[2].tables["book"])
    saw = []
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        for metadata in steps:
            code = render_python_code(produce_migrations(context, metadata).upgrade_ops)
            exec(f"if True:\n    {code}", {"op": Operations(context), "sa": sa})
            connection.commit()
            saw.append([str(each) for each in compare_metadata(context, metadata)])
    return saw


@pytest.mark.parametrize("key", ["identity", "serial"])
def test_alembic(empty, blank, engine, key):
    """Tables are made, altered and dropped, and nothing is left to do each time."""
    assert migrated(engine(blank), key == "identity") == [[], [], []]
    assert migrated(engine(empty), key == "identity") == [[], [], []]
