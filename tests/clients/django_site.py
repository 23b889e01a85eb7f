"""A Django site in one file: `inspect` shows what inspectdb makes of a database, `use` lives in one.

What leaves on stdout is JSON that is the same over every server. PG* variables say where it is.
"""

import datetime
import decimal
import io
import json
import os
import sys

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True, DEBUG=False,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages"]}}],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"],
        "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"], "USER": os.environ["PGUSER"]}})
django.setup()

from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, models, transaction  # noqa: E402
from django.db.models import Avg, Count, F, Q  # noqa: E402
from django.db.models.functions import Lower, TruncMonth  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402


class Author(models.Model):
    """One who writes books."""

    name = models.CharField(max_length=40, unique=True)
    born = models.DateField(null=True)

    class Meta:
        app_label = "auth"


class Book(models.Model):
    """A book has a field of each kind that is much used."""

    title = models.TextField(db_index=True)
    pages = models.PositiveSmallIntegerField(default=1)
    price = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    weight = models.FloatField(null=True)
    printed = models.BooleanField(default=True)
    cover = models.BinaryField(null=True)
    read_at = models.DateTimeField(null=True)
    took = models.DurationField(null=True)
    details = models.JSONField(default=dict)
    key = models.UUIDField(null=True)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    readers = models.ManyToManyField(User)

    class Meta:
        app_label = "auth"
        constraints = [models.UniqueConstraint(fields=["author", "title"], name="once"),
                       models.CheckConstraint(condition=Q(pages__gt=0), name="has_pages")]
        indexes = [models.Index(Lower("title"), name="by_title"),
                   models.Index(fields=["-price"], name="cheap", condition=Q(printed=True))]


admin.site.register(Author)
admin.site.register(Book)
urlpatterns = [path("admin/", admin.site.urls)]


def inspect():
    """What inspectdb writes."""
    text = io.StringIO()
    call_command("inspectdb", include_views=True, stdout=text)
    return text.getvalue().splitlines()


def use():
    """Migrates, writes, reads, browses the admin pages, and migrates back; what it saw."""
    silent = {"verbosity": 0, "interactive": False}
    call_command("migrate", **silent)
    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)
    saw = {"tables": sorted(connection.introspection.table_names())}
    saw["constraints"] = constraints("auth_book")
    user = User.objects.create_superuser("ann", "ann@example.org", "secret")
    write(user)
    saw["read"] = read()
    saw["refused"] = [refused(Author.objects.create, name="Ann"),
                      refused(Book.objects.create, title="x", author_id=999),
                      refused(Book.objects.create, title="x", pages=0, author_id=1),
                      refused(Book.objects.create, title=None, author_id=1)]
    saw["admin"] = browse(user)
    saw["dump"] = dump()
    with connection.schema_editor() as editor:
        alter(editor)
    saw["altered"] = constraints("auth_author")
    call_command("flush", **silent)
    saw["left"] = [Author.objects.count(), Book.objects.count(), User.objects.count()]
    with connection.schema_editor() as editor:
        editor.delete_model(Book)
        editor.delete_model(Author)
    for app in ["admin", "sessions", "auth", "contenttypes"]:
        call_command("migrate", app, "zero", **silent)
    saw["end"] = connection.introspection.table_names()
    return saw


def constraints(table):
    """What introspection says of a table."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
        columns = connection.introspection.get_table_description(cursor, table)
        relations = connection.introspection.get_relations(cursor, table)
    return [[str(each) for each in columns], relations,
            sorted([name, {key: about[key] for key in about if key != "definition"}]
                   for name, about in found.items())]


def write(user):
    """Rows by each of the usual ways."""
    ann = Author.objects.create(name="Ann", born=datetime.date(1990, 2, 28))
    two = Book.objects.create(
        title="Two", author=ann, price=decimal.Decimal("12.50"), weight=0.5, cover=b"\0\xff",
        details={"a": [1, None], "b": "x"}, took=datetime.timedelta(days=1, seconds=2),
        key="7f1c2f34-0000-4000-8000-000000000001",
        read_at=datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC))
    two.readers.add(user)
    Author.objects.bulk_create(Author(name=f"author {i}") for i in range(100))
    Book.objects.bulk_create(
        Book(title=f"Book {i}", author_id=i, pages=i, printed=i % 2 == 0) for i in range(1, 21))
    Author.objects.bulk_create([Author(name="Ann", born=datetime.date(2000, 1, 1))],
                               update_conflicts=True, unique_fields=["name"], update_fields=["born"])
    Author.objects.get_or_create(name="Bob")
    Author.objects.update_or_create(name="Bob", defaults={"born": datetime.date(1999, 1, 1)})
    with transaction.atomic():
        Book.objects.select_for_update().filter(pages=3).update(pages=F("pages") * 2)


def read():
    """Queries of the kinds that applications have."""
    two = Book.objects.select_related("author").prefetch_related("readers").get(title="Two")
    books = Book.objects.order_by("id")
    return [
        [two.price, two.weight, bytes(two.cover), two.read_at, two.took, two.details, two.key,
         two.author.name, two.author.born, [each.username for each in two.readers.all()]],
        list(books.filter(details__a__0=1).values_list("title", flat=True)),
        list(books.filter(details__has_key="b").values_list("title", flat=True)),
        list(books.filter(title__icontains="K 1").values_list("title", "pages")),
        list(books.filter(title__regex=r"^Book \d$", printed=True).values_list("title", flat=True)),
        list(books.exclude(Q(pages__lt=15) | Q(printed=False)).values_list("pages", flat=True)),
        list(books.values("printed").annotate(n=Count("id"), mean=Avg("pages")).order_by("printed")),
        list(books.annotate(month=TruncMonth("read_at")).values_list("month", flat=True)[:2]),
        list(Author.objects.annotate(n=Count("books")).filter(n__gt=1).values_list("name", "n")),
        list(books.filter(author__in=Author.objects.filter(name__startswith="A"))
             .values_list("id", flat=True)),
        books.filter(pages__in=[1, 2, 3]).exists(), books.count(), Book.objects.none().count(),
        list(Author.objects.filter(name__iexact="BOB").union(Author.objects.filter(id=1))
             .order_by("name").values_list("name", flat=True)),
        Book.objects.filter(pages=20).delete(), Book.objects.in_bulk([1, 2]).keys(),
        sum(1 for _ in Author.objects.iterator(chunk_size=10)),
    ]


def refused(make, **values):
    """The error of a row that a constraint refuses."""
    try:
        with transaction.atomic():
            make(**values)
    except IntegrityError as error:
        about = error.__cause__.diag
        # Django's keys are deferred, and at COMMIT SQLite does not say which one is broken.
        deferred = about.sqlstate == "23503"
        return [type(error.__cause__).__name__, about.sqlstate, about.column_name,
                None if deferred else about.constraint_name]
    return "accepted"


def browse(user):
    """The admin pages of a user who is logged in."""
    client = Client()
    client.force_login(user)
    saw = []
    for page in ["", "auth/author/", "auth/author/?q=Bob", "auth/book/1/change/", "auth/user/"]:
        saw.append([page, client.get(f"/admin/{page}").status_code])
    done = client.post("/admin/auth/author/add/", {"name": "Cy", "born": "2001-02-03"})
    return saw + [done.status_code, Author.objects.get(name="Cy").born, Group.objects.count()]


def dump():
    """dumpdata of the own models."""
    text = io.StringIO()
    call_command("dumpdata", "auth.author", "auth.book", stdout=text)
    return json.loads(text.getvalue())[-3:]


def alter(editor):
    """What migrations do to a table."""
    email = models.EmailField(null=True, unique=True)
    email.set_attributes_from_name("email")
    editor.add_field(Author, email)
    town = models.CharField(max_length=20, default="here", db_index=True)
    town.set_attributes_from_name("town")
    editor.add_field(Author, town)
    longer = models.CharField(max_length=80, unique=True)
    longer.set_attributes_from_name("name")
    longer.model = Author
    editor.alter_field(Author, Author._meta.get_field("name"), longer)
    place = models.CharField(max_length=20, default="here")
    place.set_attributes_from_name("place")
    town.model = place.model = email.model = Author
    editor.alter_field(Author, town, place)
    editor.remove_field(Author, email)
    editor.alter_db_table(Author, "auth_author", "auth_writer")
    editor.alter_db_table(Author, "auth_writer", "auth_author")


if __name__ == "__main__":
    json.dump({"inspect": inspect, "use": use}[sys.argv[1]](), sys.stdout, default=str)
