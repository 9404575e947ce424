"""A blueprint, as a part of a program that others can use."""

from quart import Blueprint, Quart, jsonify

teams = Blueprint("teams", __name__)

_DEVELOPERS = ["Anna", "Bo"]
_OPERATORS = ["Cem", "Dana"]


@teams.route("/teams")
def get_all():
    return jsonify(_DEVELOPERS + _OPERATORS)


@teams.route("/teams/<team_name>")
def get_team(team_name):
    known = {"developers": _DEVELOPERS, "operators": _OPERATORS}
    return jsonify(known.get(team_name, []))


app = Quart(__name__)
app.register_blueprint(teams)
app.register_blueprint(teams, name="old", url_prefix="/v1")
