"""The base class of everything written as JSON: typed, immutable, and nothing in it but what is declared."""

from pydantic import BaseModel, ConfigDict


class JsonRecord(BaseModel):
    """Typed data that is written as JSON; numbers are finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)
