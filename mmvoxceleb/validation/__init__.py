"""Find what is wrong with a store before it is trained on."""

from mmvoxceleb.validation.report import PROBLEMS, FolderCount, Problem, Report
from mmvoxceleb.validation.validate import validate_store

__all__ = ["PROBLEMS", "FolderCount", "Problem", "Report", "validate_store"]
