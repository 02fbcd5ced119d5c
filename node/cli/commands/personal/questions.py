"""question: questions on assets, asked and answered."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.groups import Shorthand
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, line, remark, report_success, say, suggest

Id = Annotated[str, typer.Argument(metavar="ID", help="As in hansa question list --waiting.")]
Reason = Annotated[str, typer.Option(help="The reason, which the asker reads.")]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(cls=Shorthand, help="Questions on assets: list, ask, answer, refuse, hide …")
    verbs.command("list")(list_questions)
    verbs.command("ask")(ask)
    verbs.command("answer")(answer)
    verbs.command("refuse")(refuse)
    verbs.command("hide")(hide)
    verbs.command("seen")(mark_seen)
    app.add_typer(verbs, name="question")


def list_questions(
    waiting: Annotated[bool, typer.Option("--waiting", help="Those that wait for an answer of this node.")] = False,
    history: Annotated[
        bool, typer.Option("--settled", help="Those that this node answered, hid or refused.")
    ] = False,
    asset: Annotated[str, typer.Option(help="The public ones of this asset.")] = "",
    node: Node = None,
) -> None:
    """Show your questions, or those that this node received."""
    if waiting + history + bool(asset) > 1:
        raise InvalidInput(
            "give only one of --waiting, --settled and --asset", remedy="hansa question list --waiting"
        )
    with connect(node) as client:
        calls = client.questions
        answer_list = (
            calls.of_asset(asset)
            if asset
            else calls.waiting()
            if waiting
            else calls.list_settled()
            if history
            else calls.mine()
        )
    if Mode.json:
        emit(answer_list)
        return
    if not answer_list["questions"]:
        say("There are no such questions.")
        suggest('hansa question ask IRI "…"')
        return
    for question in answer_list["questions"]:
        _show(question)
    if waiting:
        remark('to answer one for everybody: hansa question answer ID "…" --public')
    elif (
        any(question.get("changed") and not question["seen"] for question in answer_list["questions"]) and not history
    ):
        remark("when you have read the answers: hansa question seen")


def ask(
    iri: Annotated[str, typer.Argument(help="Address of the asset.")],
    text: Annotated[str, typer.Argument(metavar="QUESTION", help="The question, in quotes.")],
    private: Annotated[bool, typer.Option("--private", help="The answer is for you only.")] = False,
    node: Node = None,
) -> None:
    """Ask the publisher of an asset a question. If another node publishes it, the question is delivered there."""
    with connect(node) as client:
        question = client.questions.ask(iri, text, private=private)
    if Mode.json:
        emit(question)
        return
    report_success("the question was sent")
    line("id", question["id"])
    remark("the answer appears in hansa status, and in hansa question list")


def answer(
    question: Id,
    text: Annotated[str, typer.Argument(metavar="ANSWER", help="The answer, in quotes.")],
    public: Annotated[
        bool | None,
        typer.Option("--public/--private", help="For everybody who may see the asset, or for the asker only."),
    ] = None,
    node: Node = None,
) -> None:
    """Answer a question, or replace its answer."""
    if public is None:
        raise InvalidInput(
            "say for whom the answer is", remedy=f"hansa question answer {word(question)} '…' --public, or --private"
        )
    with connect(node) as client:
        answered = client.questions.answer(question, text, public=public)
    _report(answered, "answered for everybody who may see the asset" if public else "answered for the asker")


def refuse(question: Id, reason: Reason, node: Node = None) -> None:
    """Refuse to answer a question, with a reason."""
    with connect(node) as client:
        refused = client.questions.refuse(question, reason)
    _report(refused, "the question was refused")


def hide(question: Id, reason: Reason, node: Node = None) -> None:
    """Hide a public question, with a reason. Its asker still sees it."""
    with connect(node) as client:
        hidden = client.questions.hide(question, reason)
    _report(hidden, "the question is hidden")


def mark_seen(node: Node = None) -> None:
    """Mark the answers to your questions as seen."""
    with connect(node) as client:
        client.questions.mark_seen()
    if Mode.json:
        emit({"seen": True})
    report_success("marked as seen")


def _report(question: dict[str, Any], text: str) -> None:
    if Mode.json:
        emit(question)
    report_success(text)
    if question["deliveryFault"]:
        remark(f"not sent to the asker: {question['deliveryFault']}")


def _show(question: dict[str, Any]) -> None:
    say(question["text"])
    line("id", question["id"])
    line("asset", question["iri"])
    if "state" in question:
        state = "could not be delivered" if question.get("undelivered") else question["state"]
        line("state", state + (" · private" if question["private"] else ""))
    line("asked", f"{question['asked'][:16]} by {question.get('person') or question['asker']}")
    if question.get("answer"):
        line("answer", question["answer"])
    if question.get("reason"):
        line("reason", question["reason"])
    if question.get("deliveryFault"):
        line("not sent", question["deliveryFault"])
    if question.get("remedy"):
        line("what to do", question["remedy"])
