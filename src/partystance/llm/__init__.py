"""A language model behind an OpenAI-compatible endpoint as one annotator among others."""
