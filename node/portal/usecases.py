"""The use cases of a node's pages, and views that combine several of them."""

from __future__ import annotations

from dataclasses import dataclass

from node.catalogue.access import Access
from node.catalogue.accession import Join
from node.catalogue.browse import Browse
from node.catalogue.drafts.alignments import AlignOntologies
from node.catalogue.drafts.contradictions import ReasonOver
from node.catalogue.drafts.data_check import CheckData
from node.catalogue.drafts.foresight import ForeseeImpact
from node.catalogue.drafts.joint_changes import ChangeSeveral
from node.catalogue.drafts.ontology_documents import PublishOntology
from node.catalogue.drafts.schema_documents import ReadSchema
from node.catalogue.drafts.usecases import DatasetDrafts
from node.catalogue.drafts.viewpoints import Viewpoints
from node.catalogue.harvest.schedules import Schedules
from node.catalogue.harvest.value_tables import ValueTables
from node.catalogue.meaning.schema_history import SchemaHistories
from node.catalogue.measurement.history import QualityHistory
from node.catalogue.measurement.link_report import LinkReport
from node.catalogue.measurement.profiles import ProfileOverview
from node.catalogue.publication.erase import EraseVersions
from node.catalogue.publication.withdraw import Withdraw
from node.catalogue.query import Ask
from node.catalogue.questions.answers import AnswerQuestions
from node.catalogue.questions.askers import AskQuestions
from node.catalogue.region.search import SearchRegion
from node.catalogue.region.templates import RegionTemplates
from node.catalogue.region.terms import ReadRegion
from node.catalogue.subscriptions.harvest_reports import SendReports
from node.catalogue.subscriptions.mail import SubscriptionMail
from node.catalogue.subscriptions.usecases import Subscriptions
from node.datasources.brokers.register import BrokerSubscriptions
from node.datasources.checkup import TryDataSource
from node.datasources.register import DataSources
from node.datasources.streams.register import Streams
from node.identity.accounts.provider_sign_in import SignInByProvider
from node.identity.accounts.sign_in import SignIn
from node.identity.credentials.revocation import ChangeCredentialStatus
from node.identity.replacement import ReplaceKeys
from node.negotiation.acquire import Acquire
from node.negotiation.decisions import Decisions
from node.negotiation.limits import SetLimits
from node.operation.agenda import Agenda
from node.operation.audit import AuditTrail
from node.operation.configuration import Configuration
from node.operation.health import Checkup
from node.operation.questions import AssetTitles
from node.operation.region.acceptances import ReadAcceptances
from node.operation.region.departure import LeaveRegion
from node.operation.region.eligibility import Eligibility
from node.operation.region.membership import OwnMembership
from node.operation.region.participants import BlockParticipants
from node.operation.storage import Storage
from node.operation.webhooks.usecases import Webhooks
from node.portal.views.account import OwnAccount
from node.portal.views.agreements import Agreements, Proofs
from node.portal.views.assets import Assets
from node.portal.views.keys import NodeKeys
from node.portal.views.partner_streams import PartnerStreamPages
from node.portal.views.processes import Letters, Processes, Questions
from node.portal.views.receipts import DataReceipts
from node.portal.views.region import Admissions, Facts, Members
from node.portal.views.scenarios import ScenarioUseCases
from node.portal.views.subscribers import SubscriberPages
from node.portal.views.table_questions import TableQuestions
from node.portal.views.users import Users
from node.scenarios.transformations.drafts import DraftMapping
from node.scenarios.transformations.offerable import FindOfferable
from node.scenarios.transformations.schema_drafts import DraftSchema
from node.scenarios.transformations.trial import TryTransformation
from node.transfer.shipments.removal import DeleteEverywhere
from node.transfer.shipments.usecases import Shipments


@dataclass(frozen=True, kw_only=True)
class MeaningUseCases:
    """To check data against a schema, and a version before it is published, to draft and try a transformation."""

    check_data: CheckData
    foresee: ForeseeImpact
    try_transformation: TryTransformation
    draft_mapping: DraftMapping
    find_offerable: FindOfferable
    reason: ReasonOver
    align: AlignOntologies
    publish_ontology: PublishOntology
    read_schema: ReadSchema
    draft_schema: DraftSchema
    schema_histories: SchemaHistories


@dataclass(frozen=True, kw_only=True)
class HarvestUseCases:
    """To harvest catalogues of others on a schedule, to map their own values, to see the quality of records, and
    the profiles that they are checked against."""

    schedules: Schedules
    reports: SendReports
    value_tables: ValueTables
    quality: QualityHistory
    profiles: ProfileOverview
    links: LinkReport


@dataclass(frozen=True, kw_only=True)
class ChangeUseCases:
    """To change several assets at once, to withdraw an asset, and to erase versions for good."""

    several: ChangeSeveral
    withdraw: Withdraw
    erase: EraseVersions


@dataclass(frozen=True, kw_only=True)
class CatalogueUseCases:
    """To find, describe, publish, withdraw and follow assets."""

    browse: Browse
    access: Access
    assets: Assets
    sparql: Ask
    viewpoints: Viewpoints
    drafts: DatasetDrafts
    meaning: MeaningUseCases
    harvests: HarvestUseCases
    changes: ChangeUseCases
    subscriptions: Subscriptions
    subscription_mail: SubscriptionMail


@dataclass(frozen=True, kw_only=True)
class ContractUseCases:
    """To agree on conditions, to set limits within which nobody is asked, to prove them, to keep them, and to ask
    tables, see streams and notify partners under them."""

    acquire: Acquire
    limits: SetLimits
    agreements: Agreements
    proofs: Proofs
    confirm_deletion: DeleteEverywhere
    decisions: Decisions
    questions: Questions
    table_questions: TableQuestions
    partner_streams: PartnerStreamPages
    subscribers: SubscriberPages


@dataclass(frozen=True, kw_only=True)
class QuestionUseCases:
    """To ask questions on assets, and to answer them."""

    asking: AskQuestions
    answers: AnswerQuestions
    titles: AssetTitles


@dataclass(frozen=True, kw_only=True)
class WorkUseCases:
    """To follow negotiations, transfers, received data and where they are sent, programs that are told about that,
    questions, and messages that could not be delivered."""

    processes: Processes
    data_receipts: DataReceipts
    shipments: Shipments
    webhooks: Webhooks
    questions: QuestionUseCases
    letters: Letters


@dataclass(frozen=True, kw_only=True)
class PeopleUseCases:
    """To sign in, and to look after one's own account and those of others."""

    sign_in: SignIn
    provider_sign_in: SignInByProvider
    account: OwnAccount
    users: Users


@dataclass(frozen=True, kw_only=True)
class RegionUseCases:
    """To see the members of a region, and to be one. Only an issuer has ``credentials``."""

    admissions: Admissions
    credentials: ChangeCredentialStatus | None
    members: Members
    membership: OwnMembership
    read: ReadRegion
    join: Join
    leave: LeaveRegion
    blocking: BlockParticipants
    acceptances: ReadAcceptances
    eligibility: Eligibility
    search: SearchRegion
    templates: RegionTemplates


@dataclass(frozen=True, kw_only=True)
class OperationUseCases:
    """To learn who runs the node and what there is to do, and to look after its keys."""

    facts: Facts
    agenda: Agenda
    checkup: Checkup
    configuration: Configuration
    storage: Storage
    audit: AuditTrail
    keys: NodeKeys
    replace_keys: ReplaceKeys
    data_sources: DataSources
    try_data_source: TryDataSource
    streams: Streams
    broker_subscriptions: BrokerSubscriptions


@dataclass(frozen=True, kw_only=True)
class UseCases:
    """Everything that pages read or do. Pages pass on the caller: what a caller may not see does not exist for them,
    and the use case refuses what they may not do. Without ``scenarios`` a node has no pages for them."""

    catalogue: CatalogueUseCases
    contracts: ContractUseCases
    work: WorkUseCases
    people: PeopleUseCases
    region: RegionUseCases
    operation: OperationUseCases
    scenarios: ScenarioUseCases | None = None
