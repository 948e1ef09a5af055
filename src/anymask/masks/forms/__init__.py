"""Masks as annotation files hold them: one function pair a form, bytes or JSON on the outside."""
