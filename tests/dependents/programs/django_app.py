"""A Django project in one file, for test_django.py.

GREEN_DATABASE says where its data are: "sqlite", with GREEN_PLACE as the file, or "postgresql", with it as the schema.
"""

import importlib.util
import os
import threading
import time

import django
from django.conf import settings

COUNT = 20
PASSWORD = "for tests"  # the administrator's
CONTRIBUTED = ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
LOCK = 20261129  # an advisory one
PLACE = os.environ["GREEN_PLACE"]

if importlib.util.find_spec("psycogreen"):
    import psycogreen.gevent

    psycogreen.gevent.patch_psycopg()

DATABASES = {
    "sqlite": {"ENGINE": "django.db.backends.sqlite3", "NAME": PLACE},
    "postgresql": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "USER": "postgres",
        "NAME": "test",
        "OPTIONS": {"options": f"-c search_path={PLACE}"},
    },
}

settings.configure(
    SECRET_KEY=PASSWORD,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": DATABASES[os.environ["GREEN_DATABASE"]]},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[*(f"django.contrib.{name}" for name in CONTRIBUTED), __name__],
    MIGRATION_MODULES=dict.fromkeys(CONTRIBUTED),  # tables are made at once, as they are now
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # a quick one
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.gzip.GZipMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    STATIC_URL="static/",
    USE_TZ=True,
)
django.setup()

from django import forms  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import path  # noqa: E402

barrier = threading.Barrier(COUNT)
held = threading.Event()


class Note(models.Model):
    title = models.CharField(max_length=50, unique=True)
    number = models.IntegerField()


class NoteForm(forms.ModelForm):
    class Meta:
        model = Note
        fields = ("title", "number")


class UploadForm(forms.Form):
    name = forms.CharField()
    file = forms.FileField()


admin.site.register(Note)
PAGE = "<form method='post'>{% csrf_token %}{{ form }}</form>"


def notes(request):
    return JsonResponse({"notes": list(Note.objects.order_by("title").values_list("title", "number"))})


def note(request):
    """Show a form, and save what it brings."""
    form = NoteForm(request.POST or None)
    if form.is_valid():
        saved = form.save()
        return HttpResponse(f"saved {saved.title}")
    return HttpResponse(engines["django"].from_string(PAGE).render({"form": form}, request))


def upload(request):
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse(form.errors, status=400)
    file = form.cleaned_data["file"]
    parts = list(file.chunks())
    return JsonResponse(
        {"name": file.name, "in": type(file).__name__, "length": file.size, "sum": sum(sum(part) for part in parts)}
    )


def add(request):
    """Add to a note's number when all of COUNT requests have come, each with a connection of its own."""
    list(Note.objects.all())
    barrier.wait(30)
    with transaction.atomic():
        found = Note.objects.select_for_update().get(title="shared")  # on SQLite nothing else runs in between
        found.number += int(request.GET["n"])
        found.save()
    return HttpResponse(request.GET["n"])


def wait(request):
    """Wait for a lock in the database, once hold() has it."""
    held.wait(30)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(%s)", [LOCK])
    return HttpResponse("had it")


def hold(request):
    """Hold that lock until COUNT requests wait for it."""
    waiting = 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        held.set()
        end = time.monotonic() + 30
        while waiting < COUNT and time.monotonic() < end:
            time.sleep(0.01)
            cursor.execute("select count(*) from pg_locks where objid = %s and not granted", [LOCK])
            waiting = cursor.fetchone()[0]
    return HttpResponse(str(waiting))


def stream(request):
    return StreamingHttpResponse((f"{n}\n" for n in range(1000)), content_type="text/plain")


def rows(request):
    """Send rows as they come from the database."""
    query = Note.objects.filter(title__startswith="row").order_by("number").values_list("number", flat=True)
    return StreamingHttpResponse((f"{number}\n" for number in query.iterator(chunk_size=10)), content_type="text/plain")


def file(request):
    return FileResponse(open(__file__, "rb"), content_type="text/plain")


def error(request):
    raise ValueError("as told")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("notes/", notes),
    path("note/", note),
    path("upload/", upload),
    path("add/", add),
    path("wait/", wait),
    path("hold/", hold),
    path("stream/", stream),
    path("rows/", rows),
    path("file/", file),
    path("error/", error),
]
application = StaticFilesHandler(get_wsgi_application())


def make():
    """Make the tables, an administrator and some notes."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f'create schema "{PLACE}"')
    call_command("migrate", run_syncdb=True, verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Note)
    User.objects.create_superuser("admin", password=PASSWORD)
    Note.objects.bulk_create(Note(title=f"row {n}", number=n) for n in range(100))
    Note.objects.create(title="shared", number=0)


def drop():
    """Drop what make() has made, where that is not in a file."""
    with connection.cursor() as cursor:
        cursor.execute(f'drop schema "{PLACE}" cascade')
