"""Every setting, in sections, with defaults that run offline with nothing set.

Read once in bootstrap and passed on; nothing else reads the environment. A nested value is set with two
underscores: `AGENTFLOW_INGEST__PROCESSES=4`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class ServerSettings(BaseModel):
    """The HTTP door."""

    host: str = "127.0.0.1"
    public_url: str | None = None  # as visitors reach us; default http://host:port
    trusted_proxies: int = 0  # how many proxies in front may set X-Forwarded-For
    login_hours: int = 12
    writes_per_minute: int = 600  # per credential: requests that change something
    strangers_per_place: int = 100  # log-ins, resets and the like from one address in five minutes


class IngestSettings(BaseModel):
    """Limits KN-01..03 and the caps of the reading subprocess."""

    max_sources: int = 10
    max_bytes: int = 20 * 1024 * 1024  # in total over a knowledge base
    max_bytes_per_file: bool = False  # True makes max_bytes hold for each file instead
    max_pages: int = 1000  # per file
    max_rows: int = 200_000
    max_cells: int = 2_000_000
    max_text_chars: int = 21_000_000
    processes: int = 1  # pooled readers
    seconds_per_file: float = 120.0
    memory_mb: int = 800  # address space a reader may add
    lease_seconds: int = 60


class SyncSettings(BaseModel):
    """Sources that are fetched: pages, sites and Google documents."""

    every_seconds: int = 3600  # unless the source says otherwise
    least_seconds: int = 300  # no source may ask for less
    jitter: float = 0.1  # each waits this share longer or shorter, so that they do not all come at once
    poll_seconds: float = 15.0  # how often it is looked for what is due
    lease_seconds: int = 1200  # longer than any fetch may take
    answer_seconds: float = 30.0  # for one answer of a web server
    site_seconds: float = 900.0  # for one site
    site_pages: int = 100  # of a site, unless the source says otherwise; at most ingest.max_pages
    site_depth: int = 3  # links followed from the first page
    site_page_bytes: int = 5 * 1024 * 1024  # for one page of a site
    connections: int = 2  # to one site at a time
    longest_delay_seconds: float = 10.0  # a robots.txt that asks for more gets this


class GoogleSettings(BaseModel):
    """Where Google's doors are."""

    api_url: str = "https://www.googleapis.com"
    token_url: str = "https://oauth2.googleapis.com/token"
    consent_url: str = "https://accounts.google.com/o/oauth2/v2/auth"


class SearchSettings(BaseModel):
    """What searching may wait for and keep in memory."""

    qdrant_timeout_seconds: float = 5.0
    open_indexes: int = 64  # knowledge bases kept in memory, least recently used closed


class TurnSettings(BaseModel):
    """One answer."""

    first_sentence_seconds: float = 20.0  # a checked sentence or a fallback by then
    model_timeout_seconds: float = 15.0
    total_seconds: float = 60.0
    max_model_calls: int = 4
    debounce_seconds: int = 1  # joins a burst; a first message is never delayed
    burst_seconds: float = 4.0  # a message this soon after another belongs to a burst
    history_messages: int = 12


class LiveChatSettings(BaseModel):
    """Limits of channels.md section 10."""

    max_chars: int = 4000
    messages_per_minute: int = 20
    sessions_per_minute: int = 60  # per client address
    turns_per_day: int = 1000  # AI turns per site
    token_days: int = 30
    heartbeat_seconds: float = 15.0
    poll_seconds: float = 0.1


class JobSettings(BaseModel):
    """The durable engine."""

    poll_seconds: float = 0.1
    concurrency: int = 32
    threads: int = 16
    lease_seconds: float = 5.0  # how often a worker looks for dead ones
    drain_seconds: float = 10.0  # a closing worker lets running jobs finish for this long
    max_failures: int = 5  # a job that raised this often is given up
    max_crashes: int = 20  # and one that was running this often when its worker died
    retry_seconds: float = 1.0  # before the second run; doubles each time
    retention_days: int = 7  # of finished jobs


class MailSettings(BaseModel):
    """SMTP; without a host every mail is written as .eml under AGENTFLOW_HOME/mail."""

    host: str | None = None
    port: int = 587
    username: str | None = None
    password: SecretStr | None = None
    starttls: bool = True
    sender: str = "agentflow@localhost"


class FileSettings(BaseModel):
    """Where uploaded files lie: AGENTFLOW_HOME/files, or a bucket of S3-compatible storage."""

    s3_bucket: str | None = None
    s3_endpoint: str | None = None  # default: Amazon's of the region
    s3_region: str = "us-east-1"
    s3_access_key: str | None = None  # without keys: what the machine's own role allows
    s3_secret_key: SecretStr | None = None
    s3_prefix: str = ""  # before every key, where a bucket is shared


class BackupSettings(BaseModel):
    """Back-ups made by `agentflow backup`."""

    keep_days: int = Field(default=30, ge=1)  # then each should be deleted; reports of erasures list it until


class AuditSettings(BaseModel):
    """Who did what."""

    keep_days: int | None = Field(default=None, ge=1)  # by default nothing is ever deleted by itself


class EgressSettings(BaseModel):
    """Caps of calls to addresses that customers, documents or forms name."""

    timeout_seconds: float = 15.0
    max_bytes: int = 20 * 1024 * 1024
    max_redirects: int = 3


class EmbeddingSettings(BaseModel):
    """Which model turns text into vectors. `minilm` is the packaged default."""

    model: str = "minilm"  # minilm | a sentence-transformers name or folder | an endpoint's model name
    precision: Literal["int8", "fp32"] = "int8"  # for minilm
    base_url: str | None = None  # an OpenAI-compatible endpoint makes the model remote
    api_key: SecretStr | None = None
    ingest_threads: int = 2


class Settings(BaseSettings):
    """All of it. Environment variables start with AGENTFLOW_, except the two OpenAI ones."""

    model_config = SettingsConfigDict(
        env_prefix="AGENTFLOW_",
        env_nested_delimiter="__",
        extra="ignore",
        populate_by_name=True,
        env_ignore_empty=True,
    )

    home: Path = Path(".agentflow")
    model_cache: Path = Path.home() / ".cache" / "agentflow" / "models"  # shared by every home on the machine
    port: int = Field(default=8000, ge=1, le=65535)
    database_url: str | None = None  # default: SQLite in the home folder
    key: SecretStr | None = None  # Fernet key(s), newest first, comma separated
    qdrant_url: str | None = None
    qdrant_api_key: SecretStr | None = None
    egress_allow: Annotated[tuple[str, ...], NoDecode] = ()  # hosts, addresses or networks
    log_level: str = "INFO"
    log_json: bool = False

    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str = Field(default="https://api.openai.com/v1", validation_alias="OPENAI_BASE_URL")
    model: str = "gpt-5-mini"

    server: ServerSettings = ServerSettings()
    ingest: IngestSettings = IngestSettings()
    sync: SyncSettings = SyncSettings()
    google: GoogleSettings = GoogleSettings()
    search: SearchSettings = SearchSettings()
    turn: TurnSettings = TurnSettings()
    livechat: LiveChatSettings = LiveChatSettings()
    jobs: JobSettings = JobSettings()
    mail: MailSettings = MailSettings()
    egress: EgressSettings = EgressSettings()
    files: FileSettings = FileSettings()
    backup: BackupSettings = BackupSettings()
    audit: AuditSettings = AuditSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """A comma-separated variable becomes a tuple."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def sql_url(self) -> str:
        """The address of the database, in SQLAlchemy's synchronous spelling."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'agentflow.sqlite'}"

    @property
    def public_url(self) -> str:
        """The address visitors use, without a slash at the end."""
        return (self.server.public_url or f"http://{self.server.host}:{self.port}").rstrip("/")
