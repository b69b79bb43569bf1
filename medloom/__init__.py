"""The package that a wheel of medloom installs.

An installed package contains `app/`, `dags/`, `pipeline/`, `model/`, params.yaml and dvc.yaml, and
`from medloom.model import fit` needs nothing else of it. In a checkout they are beside this folder.
"""
