"""The learned half of the controller: a bounded correction of the plan, with no authority until a policy is installed."""
