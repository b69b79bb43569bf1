"""medloom measured by itself: recipes, the gate, speed, faults. Not installed with the product."""
