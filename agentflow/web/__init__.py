"""The faces in a browser: the live-chat widget, the demo page and the small admin page."""

from agentflow.web.pages import DemoSite, mount

__all__ = ["DemoSite", "mount"]
