// The dashboard: what its pages do beyond links and forms.
