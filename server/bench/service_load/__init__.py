"""What many clients and a long history cost the service: `realcam bench service`."""
