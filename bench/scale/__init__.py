"""What a lab waits for once it has many projects, runs, versions and images.

Each row says whether its data are real, made by medloom itself, or simulated: a ledger in the real
format, or rows copied in the real schema of a database. `measure.measure_scale` runs all parts.
"""
