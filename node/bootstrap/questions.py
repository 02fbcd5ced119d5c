"""Puts questions on assets together: asking, answering, messages between nodes, and e-mails about them."""

from __future__ import annotations

from dataclasses import dataclass

from node.bootstrap.foundation import Foundation
from node.catalogue.browse import Browse
from node.catalogue.questions.answers import AnswerQuestions
from node.catalogue.questions.arrivals import ReceiveQuestions
from node.catalogue.questions.askers import AskQuestions
from node.catalogue.questions.delivery import QuestionPost
from node.catalogue.questions.mail import QuestionMail
from node.catalogue.subscriptions.letters import Letters
from node.catalogue.subscriptions.mail import SubscriptionMail


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionParts:
    """The parts for questions on assets."""

    asking: AskQuestions
    answers: AnswerQuestions
    receive: ReceiveQuestions
    post: QuestionPost
    mail: QuestionMail


def question_parts(base: Foundation, browse: Browse, mail: SubscriptionMail) -> QuestionParts:
    """Put questions together."""
    parts, stores, settings = base.parts, base.parts.stores, base.parts.settings
    store = stores.catalogue.questions
    post = QuestionPost(store, base.outbox_writer, parts.clock, address_of=parts.address_of)
    return QuestionParts(
        asking=AskQuestions(
            uow=stores.uow,
            store=store,
            browse=browse,
            post=post,
            append=base.append,
            clock=parts.clock,
            me=parts.me,
            require_not_blocked=base.people.blocks.require_not_blocked,
        ),
        answers=AnswerQuestions(
            uow=stores.uow,
            store=store,
            post=post,
            append=base.append,
            clock=parts.clock,
            me=parts.me,
            require_not_blocked=base.people.blocks.require_not_blocked,
        ),
        receive=ReceiveQuestions(
            uow=stores.uow, store=store, browse=browse, append=base.append, clock=parts.clock, me=parts.me
        ),
        post=post,
        mail=QuestionMail(
            uow=stores.uow,
            store=store,
            records=stores.catalogue.records,
            identity=stores.identity,
            notes=stores.meta,
            mail=mail,
            letters=Letters(name=settings.name, base=parts.base, sender=settings.mail_from),
            clock=parts.clock,
            me=parts.me,
            wake=base.commit_hooks.wake_worker,
        ),
    )
