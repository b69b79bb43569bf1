"""Every command of `medloom`: arguments in, tables or JSON out; no logic of its own."""
