"""A report in a page: in a frame that runs no script and sends nothing."""

import streamlit as st

_JS = """
export default function (component) {
  const { parentElement, data } = component;
  const frame = parentElement.querySelector("iframe");
  frame.title = data.title;
  if (frame.srcdoc !== data.page) frame.srcdoc = data.page;
}
"""
_HTML = '<iframe sandbox="" referrerpolicy="no-referrer"></iframe>'
_CSS = "iframe { width: 100%; height: 78vh; border: 0; border-radius: 4px; background: #fff; }"


def show(page: str, title: str) -> None:
    """Show an HTML page that medloom wrote.

    Args:
        page: the page, whole.
        title: of the frame, for those who do not see it.
    """
    frame = st.components.v2.component("medloom_report", html=_HTML, css=_CSS, js=_JS)
    frame(data={"page": page, "title": title}, key="report")
