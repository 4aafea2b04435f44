"""Interventions: what operators decided about datasets and alarms, stored where every audit reads it."""
