"""Where labels come from: one module per source (rules, corpora, tools, labelled files)."""
