"""LangChain's own suites for chat models, unit and integration: neither needs a socket here."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from eigen_graph.models import ScriptedChat


class _Scripted:
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ScriptedChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "scripted"}


class TestScriptedUnit(_Scripted, ChatModelUnitTests):
    pass


class TestScriptedIntegration(_Scripted, ChatModelIntegrationTests):
    pass
