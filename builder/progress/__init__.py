"""What people see while something runs."""

from builder.progress.growing import Growing, Spent, Traffic
from builder.progress.panel import panel
from builder.progress.reporter import GrowthView, Reporter, Step

__all__ = ["Growing", "GrowthView", "Reporter", "Spent", "Step", "Traffic", "panel"]
