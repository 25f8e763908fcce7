"""Domains: bundled ones, one folder each, and the way to load anybody's."""

from eigen_graph.domains.registry import absolute_reference, domain_names, load_domain

__all__ = ["absolute_reference", "domain_names", "load_domain"]
