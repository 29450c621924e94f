"""What Flask's quickstart shows, in one application: t/0954-wsgi-flask.t."""

import io

from flask import (Flask, Response, abort, jsonify, redirect, request,
                   send_file, session, url_for)
from markupsafe import escape

app = Flask(__name__, static_folder=None)
app.secret_key = b"only for this test"


@app.route("/")
def index():
    return "<p>Hello, World!</p>"


@app.route("/user/<name>")
def user(name):
    return f"Hello, {escape(name)}!"


@app.route("/post/<int:number>", methods=["GET", "PUT"])
def post(number):
    return jsonify(number=number, method=request.method,
                   query=request.args.get("q"))


@app.route("/form", methods=["POST"])
def form():
    file = request.files["file"]
    data = file.read()
    return f"{request.form['name']} {file.filename} {len(data)}"


@app.route("/chunked", methods=["POST"])
def chunked():
    return str(len(request.get_data()))


@app.route("/login", methods=["POST"])
def login():
    session["name"] = request.form["name"]
    return redirect(url_for("whoami"))


@app.route("/whoami")
def whoami():
    return session.get("name", "nobody")


@app.route("/stream")
def stream():
    return Response((f"{i}\n" for i in range(3)), mimetype="text/plain")


@app.route("/file")
def file():
    return send_file(__file__, mimetype="text/x-python")


@app.route("/memory")
def memory():
    return send_file(io.BytesIO(b"in memory"), mimetype="text/plain")


@app.route("/teapot")
def teapot():
    abort(418)


@app.route("/raise")
def fail():
    raise ValueError("a mistake in a view")


@app.errorhandler(404)
def missing(error):
    return "There is no such page", 404


def create_app():
    return app
