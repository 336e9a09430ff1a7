"""Rows out to the tools that people label in, and their labels back: one module a tool.

Every module has `write(tasks, path)` and `answers(path, findings)`; `partystance.exchange.merge` checks the
answers against the rows that were exported and puts them there.
"""
