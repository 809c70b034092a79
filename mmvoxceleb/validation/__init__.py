"""Find what is wrong with a store before it is trained on."""

from mmvoxceleb.validation.report import FolderCount, Problem, Report, problem_titles
from mmvoxceleb.validation.validate import validate_store

__all__ = ["FolderCount", "Problem", "Report", "problem_titles", "validate_store"]
