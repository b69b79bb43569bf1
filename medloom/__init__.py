"""What a wheel of medloom installs, under one name: the tree of the repository as it is.

In an installed package `dags/`, `pipeline/`, `model/`, params.yaml and dvc.yaml lie in here, and
`from medloom.model import fit` needs nothing else of medloom. In a checkout they lie beside it.
"""
